import { toStreamFields } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { connectRedis } from "@events-pipeline/common/redis";
import { defineConsumer, Histories, OutboxHistory, runConsumers } from "@events-pipeline/consumer";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { pathToFileURL } from "node:url";
import { ArchiveHistory } from "./archive_history.ts";
import { runArchiver } from "./archiver.ts";
import { compactStream } from "./compact/compact_stream.ts";
import type { ListOptions, ObjectStore } from "./object_store.ts";
import { openStore } from "./open_store.ts";

const DAY_MS = 86_400_000;

/** Today at two, when yesterday is over for every clock. */
const twoInTheMorning = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 12;

/** On which of three days an entry was published: 90 on the first, 90 on the second, 70 today. */
const dayOf = (position: number): number => Math.min(2, Math.floor((position - 1) / 90));

/**
 * A stream of 250 entries of three days, all of them archived in segments of 20, of which the outbox has the last 100 and Redis the last
 * 30.
 */
async function withArchive(work: (pipeline: TestPipeline, store: ObjectStore) => Promise<void>): Promise<void> {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  const folder = await Deno.makeTempDir();
  try {
    const events = Array.from({ length: 250 }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
    await sql.begin((tx) => sendEvents(tx, { stream, events }));
    // Published as if it were on those days, which no publisher can be told to do.
    const now = Date.now();
    const rows =
      await sql`SELECT id, event_id, event_type, created_at, metadata::text, payload::text FROM events.outbox_event ORDER BY id`;
    const ids = rows.map((_, i) => `${now - (2 - dayOf(i + 1)) * DAY_MS}-${i + 1}`);
    await sql`
      UPDATE events.outbox_event o SET published_at = now(), stream_entry_id = u.entry_id
      FROM unnest(${rows.map((row) => row["id"])}::bigint[], ${ids}::text[]) AS u(id, entry_id) WHERE o.id = u.id`;
    for (const [i, row] of rows.entries()) {
      const { event_id: eventId, event_type: eventType, created_at, metadata, payload } = row as Record<string, string>;
      const time = new Date(created_at!).toISOString();
      const envelope = {
        eventId: eventId!,
        stream,
        eventType: eventType!,
        time,
        metadata: metadata!,
        payload: payload!,
      };
      await redis.call("XADD", stream, ids[i]!, ...toStreamFields(envelope));
    }
    await sql`INSERT INTO events.stream_lease (stream_name, role, checkpoint) VALUES (${stream}, 'publisher', ${ids.at(
      -1,
    )!})`;
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

/** The folders and ranges of positions of an archive's objects. */
const rangesOf = async (store: ObjectStore): Promise<string[]> =>
  (await Array.fromAsync(store.list(""))).map(({ key }) => /-(\d+)_\d+-(\d+)\./.exec(key)!.slice(1).join("-"));

Deno.test("a new consumer reads a compacted archive, and one whose compaction was ended, as if nothing had happened", async () => {
  for (const ended of [false, true]) {
    await withArchive(async (pipeline, store) => {
      const { sql, stream } = pipeline;
      const dying = { ...store, delete: () => Promise.reject(new Error("killed")) };
      const compaction = compactStream({
        sql,
        store: ended ? dying : store,
        stream,
        now: () => twoInTheMorning,
      });
      if (ended) await assertRejects(() => compaction, Error, "killed");
      else {
        await compaction;
        assertEquals((await rangesOf(store)).slice(0, 3), ["1-90", "91-180", "181-200"]);
      }
      assertEquals(await consume(pipeline, store), Array.from({ length: 250 }, (_, i) => `w${i}`));
    });
  }
});

Deno.test("a consumer stops in front of an archived segment that is missing, and skips nothing", async () => {
  await withArchive(async (pipeline, store) => {
    const missing = (await Array.fromAsync(store.list(""))).find(({ key }) => /-61_/.test(key))?.key;
    assert(missing !== undefined);
    const list = async function* (folder: string, options?: ListOptions) {
      for await (const object of store.list(folder, options)) if (object.key !== missing) yield object;
    };
    await assertRejects(() => consume(pipeline, { ...store, list }), AggregateError);
    const [row] = await pipeline.sql`SELECT checkpoint FROM events.stream_lease WHERE role = 'consumer:test:all'`;
    assertEquals(row!["checkpoint"].split("-")[1], "60");
  });
});

Deno.test("ArchiveHistory seeks once and reads each segment once, whatever the size of a read", async () => {
  await withArchive(async ({ stream }, store) => {
    let lists = 0;
    let gets = 0;
    const counted: ObjectStore = {
      ...store,
      list: (folder, options) => (lists++, store.list(folder, options)),
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
    // The day is found by halving the calendar, a listing a step; today's entries are listed from a place near them.
    assert(lists < 20, `${lists}`);
    assertEquals(gets, 12);
    assertEquals(await history.read(stream, 250, 260, 7), []);
    const first = (await history.read(stream, 0, 1, 1))[0]!.entryId;
    assertEquals(await history.lastBefore(stream, Number(first.split("-")[0])), undefined);
    const lastBefore = async (ms: number) => (await history.lastBefore(stream, ms))?.split("-")[1];
    assertEquals(await lastBefore(Date.now() + 1), "250");
    assertEquals(await lastBefore(Number(first.split("-")[0]) + DAY_MS), "90");
    assertEquals(await lastBefore(Number(first.split("-")[0]) + DAY_MS + 1), "180");
  });
});
