import { WidgetCreated } from "@events-pipeline/common/schemas";
import { connectRedis } from "@events-pipeline/common/redis";
import { defineConsumer, Histories, OutboxHistory, runConsumers } from "@events-pipeline/consumer";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { pathToFileURL } from "node:url";
import { ArchiveHistory } from "./archive_history.ts";
import { runArchiver } from "./archiver.ts";
import type { ObjectStore } from "./object_store.ts";
import { openStore } from "./open_store.ts";

/** A stream of 250 entries, all of them archived in segments of 20, of which the outbox has the last 100 and Redis the last 30. */
async function withArchive(work: (pipeline: TestPipeline, store: ObjectStore) => Promise<void>): Promise<void> {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  const folder = await Deno.makeTempDir();
  try {
    const events = Array.from({ length: 250 }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
    await sql.begin((tx) => sendEvents(tx, { stream, events }));
    await pipeline.publish();
    const store = await openStore(pathToFileURL(folder).href);
    const signal = AbortSignal.timeout(30_000);
    await runArchiver({ sql, redis, store, signal, once: true, segmentCount: 20 });
    await sql`DELETE FROM events.outbox_event WHERE stream_position <= 150`;
    await redis.call("XTRIM", stream, "MAXLEN", 30);
    await work(pipeline, store);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Has a new consumer handle everything. */
async function consume({ sql, redis, redisUrl, stream }: TestPipeline, store: ObjectStore): Promise<string[]> {
  const blockingRedis = connectRedis(redisUrl, { clientName: "test", commandTimeoutMs: 15_000 });
  const seen: string[] = [];
  const consumer = defineConsumer({
    ...{ stream, name: "test:all", events: [WidgetCreated], retryMs: 10 },
    handle: (event) => void seen.push(event.payload.widget_id),
  });
  try {
    await runConsumers([consumer], {
      ...{ sql, redis, blockingRedis, once: true, signal: AbortSignal.timeout(30_000) },
      history: new Histories([new OutboxHistory(sql), new ArchiveHistory(store)]),
    });
  } finally {
    await blockingRedis.close();
  }
  return seen;
}

Deno.test("a new consumer goes from the archive to the outbox and on to Redis, with no seam", async () => {
  await withArchive(async (pipeline, store) => {
    assertEquals(await consume(pipeline, store), Array.from({ length: 250 }, (_, i) => `w${i}`));
  });
});

Deno.test("a consumer stops in front of an archived segment that is missing, and skips nothing", async () => {
  await withArchive(async (pipeline, store) => {
    const missing = (await Array.fromAsync(store.list(""))).find(({ key }) => /-61_/.test(key))?.key;
    assert(missing !== undefined);
    const list = async function* (folder: string) {
      for await (const object of store.list(folder)) if (object.key !== missing) yield object;
    };
    await assertRejects(() => consume(pipeline, { ...store, list }), AggregateError);
    const [row] = await pipeline.sql`SELECT checkpoint FROM events.stream_lease WHERE role = 'consumer:test:all'`;
    assertEquals(row!["checkpoint"].split("-")[1], "60");
  });
});

Deno.test("ArchiveHistory lists a stream once and reads each segment once, whatever the size of a read", async () => {
  await withArchive(async ({ stream }, store) => {
    let lists = 0;
    let gets = 0;
    const counted: ObjectStore = {
      ...store,
      list: (folder) => (lists++, store.list(folder)),
      get: (key) => (gets++, store.get(key)),
    };
    const history = new ArchiveHistory(counted);
    const positions: number[] = [];
    for (let after = 25; after < 240;) {
      const entries = await history.read(stream, after, 240, 7);
      positions.push(...entries.map(({ entryId }) => Number(entryId.split("-")[1])));
      after = positions.at(-1)!;
    }
    assertEquals(positions, Array.from({ length: 215 }, (_, i) => 26 + i));
    assertEquals([lists, gets], [1, 11]);
    assertEquals(await history.read(stream, 250, 260, 7), []);
    const first = (await history.read(stream, 0, 1, 1))[0]!.entryId;
    assertEquals(await history.lastBefore(stream, Number(first.split("-")[0])), undefined);
    assertEquals((await history.lastBefore(stream, Date.now() + 1))?.split("-")[1], "250");
  });
});
