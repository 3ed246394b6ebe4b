import { defineStreamName } from "@events-pipeline/common";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startRedis } from "@events-pipeline/local";
import { createRedisUser, refusals } from "@events-pipeline/local/redis_users";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { appendEntries, setLastId } from "./append_script.ts";
import { readMemory } from "./memory_pressure.ts";
import { readEntriesAfter } from "./stream_range.ts";
import { livePublisher } from "./testdata/live_publisher.ts";
import { trimStream } from "./trim.ts";

async function withConnection(url: string, work: (redis: RedisConnection) => Promise<void>): Promise<void> {
  const redis = connectRedis(url, { clientName: "test" });
  try {
    await work(redis);
  } finally {
    await redis.close();
  }
}

Deno.test("the user of the publisher's README may do all that a publisher ever does, and no more", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql, stream } = pipeline;
  const entry = {
    ...{ eventId: crypto.randomUUID(), eventType: "WidgetCreated", stream, time: new Date().toISOString() },
    ...{ metadata: "{}", payload: "{}" },
  };
  await withConnection(await createRedisUser(server.url, { name: "publisher" }), async (redis) => {
    assert(await setLastId(redis, stream, { expected: "0-0", lastId: "1-1" }));
    const entries = Array.from({ length: 300 }, (_, i) => ({ ...entry, entryId: `2-${i + 2}` }));
    const wait = { replicas: 0, timeoutMs: 1 };
    assertEquals(await appendEntries(redis, stream, "1-1", entries, wait), { kind: "appended" });
    assertEquals((await readEntriesAfter(redis, stream, "2-300", 10)).length, 1);
    assert(
      await trimStream(
        { sql, readerDatabases: [sql], redis },
        stream,
        { entryId: "2-301", heldBy: "publisher" },
        Infinity,
      ) > 0,
    );
    assert((await readMemory(redis)).used > 0);
    assertEquals(await refusals(server.url), []);
    for (
      const [command, ...args] of [["DEL", stream], ["GET", stream], ["KEYS", "*"], ["FLUSHALL"], ["XLEN", "other"]]
    ) {
      const { message } = await redis.call(command!, ...args).then(
        () => new Error("allowed"),
        (error) => error as Error,
      );
      assertMatch(message, /^NOPERM /, command);
    }
  });
});

Deno.test("runPublisher() holds back a stream whose key its user may not touch, and no other, and says what is missing", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql, redis, stream } = pipeline;
  const other = defineStreamName(stream.replace("test", "other"));
  const url = await createRedisUser(server.url, { name: "publisher", keys: "stream:test-*:events" });
  await using publisher = livePublisher(pipeline.databaseUrl, url);
  const events = Array.from({ length: 5 }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream: other, events }));
  await until("health tells of it", () => publisher.health.faults().has(other));
  assertMatch(
    publisher.health.faults().get(other)!,
    new RegExp(`^NOPERM .* permissions to access .*: the script eventsAppend on ${other}, as user 'publisher'$`),
  );
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await until("the stream goes on", async () => await redis.call("XLEN", stream) === 5);
  assert(!publisher.health.faults().has(stream));
  await createRedisUser(server.url, { name: "publisher" });
  await until("the other one goes on, too", async () => await redis.call("XLEN", other) === 5);
  await until("health is well", () => publisher.health.faults().size === 0);
});
