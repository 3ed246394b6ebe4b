import { defineStreamName, type StreamName } from "@events-pipeline/common";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startRedis } from "@events-pipeline/local";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import type { Sql } from "postgres";
import { livePublisher } from "./testdata/live_publisher.ts";

const widgets = (count: number) =>
  Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));

const named = (count: number, prefix: string): StreamName[] =>
  Array.from({ length: count }, (_, i) => defineStreamName(`stream:${prefix}-${crypto.randomUUID()}-${i}:events`));

async function sendToEach(sql: Sql, streams: readonly StreamName[]): Promise<void> {
  await sql.begin(async (tx) => {
    for (const stream of streams) await sendEvents(tx, { stream, events: widgets(2) });
  });
}

Deno.test("runPublisher() with once refills every quiet stream that Redis lost, not only as many as it works on at once", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql, redis } = pipeline;
  await sendToEach(sql, named(30, "test"));
  await pipeline.publish();
  await redis.call("FLUSHALL");
  await pipeline.publish();
  assertEquals(Number(await redis.call("DBSIZE")), 30);
});

Deno.test("runPublisher() refills every quiet stream that Redis lost with one look at them", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql, redis } = pipeline;
  await sendToEach(sql, named(60, "test"));
  await using _publisher = livePublisher(pipeline.databaseUrl, server.url, { verifyMs: 5_000 });
  await until("all are published", async () => Number(await redis.call("DBSIZE")) === 60);
  await redis.call("FLUSHALL");
  await until("all are refilled", async () => Number(await redis.call("DBSIZE")) === 60, 30_000);
});

Deno.test("runPublisher() gives a quiet stream its turn while more streams than it works on at once never rest", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis } = pipeline;
  const busy = named(4, "busy");
  const [quiet] = named(1, "quiet");
  const stop = new AbortController();
  await using _publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
  const writers = connectPostgres(pipeline.databaseUrl, { applicationName: "writers", connections: busy.length });
  const sending = busy.map(async (stream) => {
    while (!stop.signal.aborted) {
      await writers.unsafe(`
        DO $body$
        BEGIN
          FOR i IN 1..1000 LOOP
            INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
            VALUES (gen_random_uuid(), '${stream}', 'WidgetCreated', '{"widget_id":"w","owner_id":"o"}');
            COMMIT;
          END LOOP;
        END
        $body$`);
    }
  });
  try {
    await until("all busy ones are published", async () => {
      const lengths = await Promise.all(busy.map(async (stream) => Number(await redis.call("XLEN", stream))));
      return lengths.every((length) => length > 100);
    }, 20_000);
    await sql.begin((tx) => sendEvents(tx, { stream: quiet!, events: widgets(1) }));
    await until("the quiet one is published", async () => Number(await redis.call("XLEN", quiet!)) === 1);
  } finally {
    stop.abort();
    await Promise.all(sending);
    await closePostgres(writers);
    for (const stream of [...busy, quiet!]) await redis.call("DEL", stream);
  }
});
