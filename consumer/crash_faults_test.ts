import { until } from "@events-pipeline/local/until";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ConsumeDaemon } from "./testdata/consume_daemon.ts";
import { type EffectPipeline, effectPipeline, POINTS } from "./testdata/effect_pipeline.ts";

for (const point of POINTS) {
  Deno.test(`consume killed with -9 ${point} loses and doubles nothing`, async () => {
    await using pipeline = await effectPipeline();
    await using worker = await pipeline.consume();
    await pipeline.send(10);
    await pipeline.whenHandled();
    const barrier = await pipeline.barrier(point);
    await pipeline.send(20);
    await barrier.reached();
    worker.kill("SIGKILL");
    await worker.ended;
    await barrier.lift();
    await using _successor = await pipeline.consume();
    await pipeline.send(10);
    await pipeline.check();
  });

  Deno.test(`consume paused ${point} past its lease is fenced when it wakes`, async () => {
    await using pipeline = await effectPipeline();
    await using paused = await pipeline.consume();
    await pipeline.send(10);
    await pipeline.whenHandled();
    const barrier = await pipeline.barrier(point);
    await pipeline.send(20);
    await barrier.reached();
    paused.kill("SIGSTOP");
    await barrier.lift();
    await using successor = await pipeline.consume();
    await pipeline.send(10);
    await pipeline.check(); // The database has ended the paused session: the successor need not wait for it for ever.
    paused.kill("SIGCONT");
    await pipeline.send(10);
    await pipeline.check();
    for (const worker of [paused, successor]) worker.kill("SIGTERM");
    assertEquals([await paused.ended, await successor.ended], [0, 0], paused.output + successor.output);
    await pipeline.check();
  });

  Deno.test(`consume whose session is ended ${point} goes on by itself`, async () => {
    await using pipeline = await effectPipeline();
    await using worker = await pipeline.consume();
    await pipeline.send(10);
    await pipeline.whenHandled();
    const barrier = await pipeline.barrier(point);
    await pipeline.send(20);
    await pipeline.sql`SELECT pg_terminate_backend(${await barrier.reached()})`;
    await barrier.lift();
    await pipeline.check();
    await until("health is well", async () => Object.keys(await worker.faults() ?? { down: true }).length === 0);
    worker.kill("SIGTERM");
    assertEquals(await worker.ended, 0, worker.output);
  });
}

const tokenOf = async ({ sql }: EffectPipeline): Promise<number> => {
  const [lease] = await sql`SELECT fencing_token::int FROM events.stream_lease WHERE role = 'consumer:test:effect'`;
  return lease?.["fencing_token"] ?? 0;
};

/** How a worker loses its lease while its handler works, and its database session lives on. */
const losses: Record<string, (pipeline: EffectPipeline, worker: ConsumeDaemon) => Promise<void>> = {
  "runs out": async ({ sql }) => {
    await sql`UPDATE events.stream_lease SET lease_until = clock_timestamp() WHERE role = 'consumer:test:effect'`;
  },
  "runs out because its process is paused": async (_pipeline, worker) => await Promise.resolve(worker.kill("SIGSTOP")),
};

for (const [how, loseLease] of Object.entries(losses)) {
  Deno.test(`consume whose lease ${how} while its handler works is fenced in its own transaction`, async () => {
    await using pipeline = await effectPipeline();
    // Where it is not paused, it renews its lease every second.
    await using first = await pipeline.consume({ CONSUMER_LEASE_SECONDS: "3" });
    await pipeline.send(10);
    await pipeline.whenHandled();
    await using second = await pipeline.consume();
    const barrier = await pipeline.barrier("in the handler");
    await pipeline.send(20);
    await barrier.reached();
    await until("the other one has the lease", async () => {
      await loseLease(pipeline, first);
      return await tokenOf(pipeline) === 2;
    });
    first.kill("SIGCONT");
    await barrier.lift();
    await pipeline.send(10);
    await pipeline.check();
    second.kill("SIGTERM");
    assertEquals(await second.ended, 0, second.output);
    await pipeline.send(10);
    await pipeline.check(); // Now it is the first one's turn again.
    first.kill("SIGKILL");
    await first.ended;
    assertStringIncludes(first.output, "Lost the lease");
  });
}
