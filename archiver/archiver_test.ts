import { assertRight, checkPipeline } from "@events-pipeline/checker";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { acquireLease, readLease } from "@events-pipeline/common/lease";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals, assertRejects } from "@std/assert";
import { pathToFileURL } from "node:url";
import { archiveSegment } from "./archive_stream.ts";
import { runArchiver } from "./archiver.ts";
import type { ObjectStore } from "./object_store.ts";
import { openStore } from "./open_store.ts";

async function sendWidgets(pipeline: TestPipeline, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await pipeline.sql.begin((tx) => sendEvents(tx, { stream: pipeline.stream, events }));
  await pipeline.publish();
}

async function withStore(work: (store: ObjectStore) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(await openStore(pathToFileURL(folder).href));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function archiveOnce(pipeline: TestPipeline, store: ObjectStore): Promise<void> {
  const { sql, redis } = pipeline;
  await runArchiver({ sql, redis, store, once: true, segmentCount: 100, signal: AbortSignal.timeout(30_000) });
}

/** Asserts that the archive holds so many events: all that were sent, each once, in order, unchanged. */
async function assertArchived(pipeline: TestPipeline, archive: ObjectStore, count: number): Promise<void> {
  const { sql, redis, stream } = pipeline;
  const report = await checkPipeline({ sql, redis, archive, streams: [stream], complete: true });
  assertRight(report);
  assertEquals(report.streams[0]!.stages.map(({ stage, events }) => [stage, events]), [
    ["outbox", count],
    ["stream", count],
    ["archive", count],
  ]);
}

Deno.test("runArchiver() archives each entry once, in order, over many segments and runs", async () => {
  await using pipeline = await testPipeline();
  await withStore(async (store) => {
    await sendWidgets(pipeline, 250);
    await archiveOnce(pipeline, store);
    await sendWidgets(pipeline, 30);
    await Promise.all([archiveOnce(pipeline, store), archiveOnce(pipeline, store)]);
    await assertArchived(pipeline, store, 280);
  });
});

Deno.test("archiveSegment() writes again the segment that a predecessor recorded, and makes no overlap", async () => {
  await using pipeline = await testPipeline();
  await withStore(async (store) => {
    const { sql, redis, stream } = pipeline;
    await sendWidgets(pipeline, 10);
    const lease = await acquireLease(sql, { stream, role: "archiver" }, { ownerId: "dies", leaseMs: 0 });
    const dying: ObjectStore = {
      ...store,
      put: () => Promise.reject(new Error("killed before the PUT")),
    };
    const context = { sql, redis, limits: { count: 100, bytes: 1e6 }, segmentAgeMs: 0, now: () => Date.now() + 1 };
    await assertRejects(() => archiveSegment({ ...context, store: dying }, lease!), Error, "killed");
    await sendWidgets(pipeline, 5);
    await archiveOnce(pipeline, store);
    await assertArchived(pipeline, store, 15);
    assertEquals((await readLease(sql, { stream, role: "archiver" }))?.pendingSegment, null);
  });
});

Deno.test("runArchiver() stops at a gap and archives nothing behind it", async () => {
  await using pipeline = await testPipeline();
  await withStore(async (store) => {
    await sendWidgets(pipeline, 5);
    await pipeline.redis.call("XTRIM", pipeline.stream, "MAXLEN", 3);
    await assertRejects(() => archiveOnce(pipeline, store), AggregateError);
    assertEquals(await Array.fromAsync(store.list("")), []);
  });
});
