import { defineStreamName } from "@events-pipeline/common";
import { Health } from "@events-pipeline/common/health";
import { until } from "@events-pipeline/local/until";
import { assertEquals } from "@std/assert";
import { runArchiver } from "./archiver.ts";
import { archivedPipeline } from "./testdata/archived_pipeline.ts";

Deno.test("runArchiver(): streams whose objects are refused or hang hold back no other, and health names them alone", async () => {
  await using pipeline = await archivedPipeline();
  const { sql, redis, store } = pipeline;
  const name = crypto.randomUUID();
  const [refused, hanging] = ["refused", "hanging"].map((kind) =>
    defineStreamName(`stream:test-${name}-${kind}:events`)
  );
  const hang = Promise.withResolvers<void>();
  const health = new Health();
  const stop = new AbortController();
  const running = runArchiver({
    ...{ sql, redis, health, signal: stop.signal, concurrency: 2 },
    ...{ segmentAgeMs: 1, pollMs: 50, backoff: { baseMs: 50, maxMs: 100 } },
    store: {
      ...store,
      async put(key, ...rest) {
        if (key.includes(refused!)) throw new Error("No room for this one");
        if (key.includes(hanging!)) await hang.promise;
        return await store.put(key, ...rest);
      },
    },
  });
  try {
    await pipeline.send(5, refused!);
    await pipeline.send(5, hanging!);
    await until("one is red", () => health.faults().has(refused!));
    for (let round = 1; round <= 3; round++) {
      await pipeline.send(5);
      await until("the third is archived", async () => await pipeline.archived() === 5 * round);
    }
    assertEquals([...health.faults()], [[refused!, "No room for this one"]]);
    assertEquals([await pipeline.archived(refused!), await pipeline.archived(hanging!)], [0, 0]);
  } finally {
    hang.resolve();
    stop.abort();
    await running;
    await redis.call("DEL", refused!);
    await redis.call("DEL", hanging!);
  }
  await pipeline.assertArchived();
});
