import { testBucket } from "@events-pipeline/local/test_bucket";
import { until } from "@events-pipeline/local/until";
import { assertEquals } from "@std/assert";
import type { ArchiveStep } from "./archive_stream.ts";
import { openS3Store } from "./s3_store.ts";
import { type ArchivedPipeline, archivedPipeline } from "./testdata/archived_pipeline.ts";
import { isStopped, startFailing } from "./testdata/failing_process.ts";

/** A pipeline that archives to a bucket of its own on a real S3 server, and what a process needs to know of it. */
async function withBucket(
  work: (pipeline: ArchivedPipeline, environment: Readonly<Record<string, string>>) => Promise<void>,
): Promise<void> {
  using bucket = await testBucket();
  const store = openS3Store(bucket.bucket, "archive", bucket.options);
  await using pipeline = await archivedPipeline({ store });
  try {
    await work(pipeline, {
      DATABASE_URL: pipeline.databaseUrl,
      REDIS_URL: pipeline.redisUrl,
      ...bucket.environment,
    });
  } finally {
    store.close();
  }
}

const steps: readonly ArchiveStep[] = ["before record", "before put", "after put", "after finish"];
for (const step of steps) {
  Deno.test(`runArchiver() killed with -9 ${step} leaves no gap and no overlap`, async () => {
    await withBucket(async (pipeline, environment) => {
      await pipeline.send(70);
      const failing = startFailing(environment, step, 2, "SIGKILL");
      assertEquals(await failing.ended, "SIGKILL");
      const done = await pipeline.archived();
      assertEquals(done, step === "after finish" ? 40 : 20);
      await pipeline.send(15);
      await pipeline.archive();
      await pipeline.assertArchived();
    });
  });

  Deno.test(`runArchiver() paused ${step} past its lease changes nothing when it wakes`, async () => {
    await withBucket(async (pipeline, environment) => {
      await pipeline.send(70);
      const paused = startFailing(environment, step, 2, "SIGSTOP");
      try {
        await until("it is paused", () => isStopped(paused.pid), 30_000);
        await pipeline.send(15);
        await pipeline.archive(); // It waits until the lease has run out.
        await pipeline.assertArchived();
        paused.kill("SIGCONT");
        await pipeline.send(15);
        await until("one of them has archived the rest", async () => await pipeline.archived() === 100, 30_000);
        await pipeline.assertArchived();
      } finally {
        paused.kill("SIGKILL");
        await paused.ended;
      }
    });
  });
}

Deno.test("runArchiver(): three processes race for a stream, one of them killed again and again, and each entry is archived once", async () => {
  await withBucket(async (pipeline, environment) => {
    const racing = [1, 2].map(() => startFailing(environment, "never", 0, "SIGKILL"));
    try {
      for (let round = 1; round <= 4; round++) {
        await pipeline.send(50);
        const killed = startFailing(environment, steps[round - 1]!, 1, "SIGKILL");
        await pipeline.send(50);
        await until("all of it is archived", async () => await pipeline.archived() === round * 100, 30_000);
        killed.kill("SIGKILL");
        await killed.ended;
      }
      await pipeline.assertArchived();
    } finally {
      for (const { kill } of racing) kill("SIGKILL");
      await Promise.all(racing.map(({ ended }) => ended));
    }
  });
});
