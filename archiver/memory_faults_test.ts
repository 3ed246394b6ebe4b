import { defineStreamName } from "@events-pipeline/common";
import { startRedis } from "@events-pipeline/local";
import { startDaemon } from "@events-pipeline/local/daemon_process";
import { testBucket } from "@events-pipeline/local/test_bucket";
import { assert, assertEquals } from "@std/assert";
import { openS3Store } from "./s3_store.ts";
import { archivedPipeline } from "./testdata/archived_pipeline.ts";

/** The most memory that a process has had at once, in bytes, as long as it lives. */
async function peakBytes(pid: number, ended: Promise<unknown>): Promise<number> {
  let peak = 0;
  let lives = true;
  ended.then(() => lives = false);
  while (lives) {
    const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
    peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return peak;
}

Deno.test("deno task archive stays below 200 MB, however large events follow small ones, on several streams at once", async () => {
  await using server = await startRedis();
  using bucket = await testBucket();
  const store = openS3Store(bucket.bucket, "archive", bucket.options);
  await using pipeline = await archivedPipeline({ redisUrl: server.url, store });
  const { sql } = pipeline;
  const streams = Array.from({ length: 4 }, () => defineStreamName(`stream:test-${crypto.randomUUID()}:events`));
  for (const stream of streams) {
    for (const [rows, pieces] of [[20_000, 6], [40, 31_250]] as const) {
      await sql`
        WITH pad AS MATERIALIZED (
          SELECT string_agg(md5(random()::text || g), '') AS text FROM generate_series(1, ${pieces}::int) AS g
        )
        INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
        SELECT gen_random_uuid(), ${stream}, 'WidgetCreated', json_build_object('pad', pad.text)
        FROM pad, generate_series(1, ${rows}::int)`;
    }
  }
  while ((await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length > 0) {
    await pipeline.publish(); // It gives up after a while.
  }
  const daemon = await startDaemon("archive", {
    args: ["--once"],
    environment: { DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl, ...bucket.environment },
    onFailure: console.error,
  });
  const peak = await peakBytes(daemon.pid, daemon.ended);
  assertEquals(await daemon.ended, 0);
  for (const stream of streams) assertEquals(await pipeline.archived(stream), 20_040);
  assert(peak > 10e6 && peak < 200e6, `${Math.round(peak / 1e6)} MB`);
  store.close();
});
