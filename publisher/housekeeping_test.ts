import { Health } from "@events-pipeline/common/health";
import { acquireLease } from "@events-pipeline/common/lease";
import { silentLogger as logger } from "@events-pipeline/common/logger";
import { noMetrics as metrics } from "@events-pipeline/common/metrics";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startRedis } from "@events-pipeline/local";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals } from "@std/assert";
import { cleanBatch } from "./clean_up.ts";
import { runHousekeeping } from "./housekeeping.ts";
import { MemoryPressure } from "./memory_pressure.ts";
import { runPublisher } from "./publisher.ts";
import { readEntriesAfter } from "./stream_range.ts";
import { readTrimFloor, type TrimContext, trimStream } from "./trim.ts";

const DAY = 24 * 3_600_000;

async function publishWidgets({ sql, stream, publish }: TestPipeline, count: number): Promise<readonly string[]> {
  const events = Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  const ids = await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await publish();
  return ids;
}

async function positionsInRedis({ redis, stream }: TestPipeline): Promise<number[]> {
  return (await readEntriesAfter(redis, stream, "0-0", 100_000)).map((entry) => Number(entry.entryId.split("-")[1]));
}

Deno.test("cleanBatch() deletes old published rows a batch at a time, and no others", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await publishWidgets(pipeline, 25);
  await sql.begin((tx) =>
    sendEvents(tx, { stream, events: [WidgetCreated.create({ widget_id: "waits", owner_id: "o" })] })
  );
  await sql`UPDATE events.outbox_event SET published_at = published_at - interval '8 days'
            WHERE stream_position <= 20 AND stream_position <> 15`;
  const limits = { keepMs: 7 * DAY, rows: 10 };
  // The row at position 15 is too young, and so keeps those after it: what is deleted has no hole.
  assertEquals([await cleanBatch(sql, stream, limits), await cleanBatch(sql, stream, limits)], [10, 4]);
  assertEquals(await cleanBatch(sql, stream, limits), 0);
  const left = await sql`SELECT stream_position::int AS position FROM events.outbox_event ORDER BY id`.values();
  assertEquals(left.flat(), [15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, null]);
});

async function trim(pipeline: TestPipeline, beforeMs: number): Promise<number> {
  const { sql, redis, stream } = pipeline;
  const context: TrimContext = { sql, readerDatabases: [sql], redis };
  const floor = await readTrimFloor(context, stream);
  return await trimStream(context, stream, floor!, beforeMs);
}

async function readerAt({ sql, stream, redis }: TestPipeline, role: string, position: number): Promise<void> {
  const entry = (await readEntriesAfter(redis, stream, "0-0", 100_000))[position - 1]!;
  const lease = await acquireLease(sql, { stream, role }, { ownerId: "test", leaseMs: 1, startFrom: entry.entryId });
  assert(lease !== undefined);
}

Deno.test("trimStream() trims nothing that the slowest reader, or the retention time, still wants", async () => {
  await using pipeline = await testPipeline();
  await publishWidgets(pipeline, 2_000);
  await readerAt(pipeline, "archiver", 1_500);
  await readerAt(pipeline, "consumer:slow", 700);
  await readerAt(pipeline, "compactor", 1); // It reads nothing of Redis.
  assertEquals(await trim(pipeline, Date.now() - DAY), 0);
  const trimmed = await trim(pipeline, Infinity);
  // By whole nodes of Redis's memory, which hold up to 100 entries.
  assert(trimmed > 600 - 100 && trimmed <= 700, `${trimmed}`);
  assertEquals((await positionsInRedis(pipeline)).at(-1), 2_000);
  assertEquals((await positionsInRedis(pipeline))[0], trimmed + 1);
});

Deno.test("trimStream() and a refill: what was trimmed does not come back, the rest does", async () => {
  await using pipeline = await testPipeline();
  const { redis, stream } = pipeline;
  await publishWidgets(pipeline, 2_000);
  await readerAt(pipeline, "consumer:a", 1_000);
  await trim(pipeline, Infinity);
  await redis.call("DEL", stream);
  await pipeline.publish();
  const positions = await positionsInRedis(pipeline);
  assertEquals([positions[0], positions.at(-1), positions.length], [1_001, 2_000, 1_000]);
});

Deno.test("a stream whose entries were all trimmed goes on after Redis lost it, with no loss reported", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await publishWidgets(pipeline, 300);
  await trim(pipeline, Infinity);
  await redis.call("DEL", stream);
  await publishWidgets(pipeline, 5);
  assertEquals(await positionsInRedis(pipeline), [301, 302, 303, 304, 305]);
  assertEquals((await sql`SELECT FROM events.stream_loss`).length, 0);
});

Deno.test("what neither Redis nor the outbox holds is recorded once, and the stream goes on", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await publishWidgets(pipeline, 300);
  await sql`DELETE FROM events.outbox_event WHERE stream_position <= 100`;
  await redis.call("DEL", stream);
  await pipeline.publish();
  await publishWidgets(pipeline, 1);
  assertEquals((await positionsInRedis(pipeline))[0], 101);
  assertEquals((await positionsInRedis(pipeline)).length, 201);
  await sql`DELETE FROM events.outbox_event`;
  await redis.call("DEL", stream);
  await pipeline.publish();
  await publishWidgets(pipeline, 1);
  assertEquals(await positionsInRedis(pipeline), [302]);
  const losses = await sql`
    SELECT first_position::int, last_position::int FROM events.stream_loss ORDER BY last_position`.values();
  assertEquals([...losses].map((loss) => [...loss]), [[1, 100], [1, 301]]);
});

Deno.test("runHousekeeping() trims beyond the retention time when Redis is nearly full, and slows down when that is not enough", async () => {
  await using pipeline = await testPipeline();
  await using server = await startRedis({ extraConfig: { maxmemory: "40mb", "maxmemory-policy": "noeviction" } });
  const redis = connectRedis(server.url, { clientName: "test" });
  const { sql, stream } = pipeline;
  const events = Array.from({ length: 1_000 }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  const wakeUpSql = connectPostgres(pipeline.databaseUrl, { applicationName: "test", connections: 1 });
  await runPublisher({ sql, wakeUpSql, redis, once: true, signal: AbortSignal.timeout(30_000) });
  await closePostgres(wakeUpSql);
  const health = new Health();
  const pressure = new MemoryPressure();
  const stop = new AbortController();
  await redis.call("SETRANGE", "ballast", 36 * 2 ** 20, "x");
  const running = runHousekeeping({
    ...{ sql, readerDatabases: [sql], redis, logger, health, metrics, pressure, signal: stop.signal },
    ...{ trimEveryMs: 50, cleanEveryMs: 60_000, memoryShare: 0.8 },
  });
  try {
    await until("it slows down", () => pressure.slow && health.faults().has("Redis memory"));
    assert(Number(await redis.call("XLEN", stream)) < 100); // Nobody reads the stream, so nobody needs the rest.
    await redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    await until(
      "it says that streams are evicted",
      () => /allkeys-lru/.test(health.faults().get("Redis eviction") ?? ""),
    );
    await redis.call("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
    await redis.call("DEL", "ballast");
    await until("it recovers", () => !pressure.slow && health.faults().size === 0);
  } finally {
    stop.abort();
    await running;
    await redis.close();
  }
});

Deno.test("what the outbox lacks amid what is refilled is recorded too", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await publishWidgets(pipeline, 10);
  await sql`DELETE FROM events.outbox_event WHERE stream_position IN (4, 5, 8)`;
  await redis.call("DEL", stream);
  await pipeline.publish();
  assertEquals(await positionsInRedis(pipeline), [1, 2, 3, 6, 7, 9, 10]);
  const losses = await sql`
    SELECT first_position::int, last_position::int FROM events.stream_loss ORDER BY first_position`.values();
  assertEquals([...losses].map((loss) => [...loss]), [[4, 5], [8, 8]]);
});

Deno.test("readTrimFloor() blames no reader that has caught up with the publisher, and the slowest of the others", async () => {
  await using pipeline = await testPipeline();
  await publishWidgets(pipeline, 3);
  const { sql, redis, stream } = pipeline;
  const holder = async () => (await readTrimFloor({ sql, readerDatabases: [sql], redis }, stream))?.heldBy;
  await readerAt(pipeline, "archiver", 3);
  assertEquals(await holder(), "publisher");
  await readerAt(pipeline, "consumer:slow", 2);
  assertEquals(await holder(), "consumer:slow");
});
