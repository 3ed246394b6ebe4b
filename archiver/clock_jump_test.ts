import { Health } from "@events-pipeline/common/health";
import { until } from "@events-pipeline/local/until";
import { runArchiver } from "./archiver.ts";
import { archivedPipeline } from "./testdata/archived_pipeline.ts";

Deno.test("runArchiver() tries a stream again that has failed, though the clock is put back meanwhile", async () => {
  await using pipeline = await archivedPipeline();
  const { sql, redis, store, stream } = pipeline;
  await pipeline.send(100);
  const health = new Health();
  const stop = new AbortController();
  const { now } = Date;
  let broken = true;
  const running = runArchiver({
    ...{ sql, redis, store, health, pollMs: 50, segmentCount: 100, signal: stop.signal },
    backoff: { baseMs: 20, maxMs: 100 },
    atStep(step) {
      if (step === "before put" && broken) throw new Error("The store is broken");
    },
  });
  try {
    await until("it has failed", () => health.faults().has(stream));
    Date.now = () => now() - 3_600_000;
    broken = false;
    await until("it is archived", async () => await pipeline.archived() === 100);
  } finally {
    Date.now = now;
    stop.abort();
    await running;
  }
});
