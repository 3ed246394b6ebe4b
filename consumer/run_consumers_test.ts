import { WidgetCreated } from "@events-pipeline/common/schemas";
import { connectRedis } from "@events-pipeline/common/redis";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals, assertRejects } from "@std/assert";
import type { TransactionSql } from "postgres";
import { pauseConsumer, redriveDeadLetters, resumeConsumer } from "./control/mod.ts";
import { type Consumer, defineConsumer } from "./define_consumer.ts";
import { DeadLetter } from "./outcomes.ts";
import { runConsumers } from "./run_consumers.ts";

async function consumeOnce(pipeline: TestPipeline, consumers: readonly Consumer[]): Promise<void> {
  const blockingRedis = connectRedis(pipeline.redisUrl, { clientName: "test", commandTimeoutMs: 15_000 });
  try {
    await runConsumers(consumers, {
      sql: pipeline.sql,
      redis: pipeline.redis,
      blockingRedis,
      signal: AbortSignal.timeout(120_000),
      once: true,
    });
  } finally {
    await blockingRedis.close();
  }
}

async function sendWidgets(pipeline: TestPipeline, count: number): Promise<void> {
  const events = Array.from(
    { length: count },
    (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }),
  );
  await pipeline.sql`CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text)`;
  await pipeline.sql.begin((tx) => sendEvents(tx, { stream: pipeline.stream, events }));
  await pipeline.publish();
}

function consumer(
  pipeline: TestPipeline,
  onEvent: (widget: string, attempt: number, tx: TransactionSql) => Promise<void> = () => Promise.resolve(),
): Consumer {
  return defineConsumer({
    stream: pipeline.stream,
    name: "test:effect",
    events: [WidgetCreated],
    retryMs: 10,
    async handle(event, context, tx) {
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
      await onEvent(event.payload.widget_id, context.attempt, tx);
    },
  });
}

async function effects(pipeline: TestPipeline): Promise<string[]> {
  const rows = await pipeline.sql<{ widget_id: string }[]>`SELECT widget_id FROM effect ORDER BY id`;
  return rows.map((row) => row.widget_id);
}

Deno.test("runConsumers() gives each event its effect once, in order, though a handler fails now and then", async () => {
  await using pipeline = await testPipeline();
  await sendWidgets(pipeline, 300);
  const flaky = consumer(pipeline, (widget, attempt) => {
    if (widget.endsWith("7") && attempt < 2) throw new Error("not yet");
    return Promise.resolve();
  });
  await consumeOnce(pipeline, [flaky]);
  assertEquals(await effects(pipeline), Array.from({ length: 300 }, (_, i) => `w${i}`));
  await consumeOnce(pipeline, [flaky]);
  assertEquals((await effects(pipeline)).length, 300);
});

Deno.test("runConsumers() passes over events that it has handled when its checkpoint is put back", async () => {
  await using pipeline = await testPipeline();
  await sendWidgets(pipeline, 250);
  const quiet = consumer(pipeline);
  await consumeOnce(pipeline, [quiet]);
  const { sql, stream } = pipeline;
  await sql`UPDATE events.stream_lease SET checkpoint = '0-0' WHERE role = 'consumer:test:effect'`;
  // One was not handled, in the midst of those that were.
  await sql`DELETE FROM effect WHERE widget_id = 'w120'`;
  await sql`DELETE FROM events.processed_event
            WHERE event_id = (SELECT event_id FROM events.outbox_event WHERE payload ->> 'widget_id' = 'w120')`;
  await consumeOnce(pipeline, [quiet]);
  const others = Array.from({ length: 250 }, (_, i) => `w${i}`).filter((widget) => widget !== "w120");
  assertEquals(await effects(pipeline), [...others, "w120"]);
  const [state] = await sql`
    SELECT split_part(checkpoint, '-', 2) AS position FROM events.stream_lease
    WHERE stream_name = ${stream} AND role = 'consumer:test:effect'`;
  assertEquals(state!["position"], "250");
});

Deno.test("runConsumers() catches a handler that commits the worker's transaction, and keeps the event", async () => {
  await using pipeline = await testPipeline();
  await sendWidgets(pipeline, 1);
  const committing = consumer(pipeline, async (_widget, _attempt, tx) => {
    await tx.unsafe("COMMIT");
  });
  await assertRejects(() => consumeOnce(pipeline, [committing]));
  const [state] = await pipeline.sql`SELECT checkpoint FROM events.stream_lease WHERE role = 'consumer:test:effect'`;
  assertEquals(state!["checkpoint"], "0-0");
});

Deno.test("runConsumers() stops at a gap and skips nothing", async () => {
  await using pipeline = await testPipeline();
  await sendWidgets(pipeline, 3);
  await pipeline.redis.call("XTRIM", pipeline.stream, "MAXLEN", 2);
  await assertRejects(() => consumeOnce(pipeline, [consumer(pipeline)]));
  assertEquals(await effects(pipeline), []);
});

Deno.test("runConsumers() refuses two consumers of one name", async () => {
  await using pipeline = await testPipeline();
  const twice = [consumer(pipeline), consumer(pipeline)];
  await assertRejects(() => consumeOnce(pipeline, twice), TypeError, "two consumers named 'test:effect'");
});

Deno.test("runConsumers() with once handles what is to be handled again, also when nothing new is there", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await sendWidgets(pipeline, 3);
  let broken = true;
  const consumers = [consumer(pipeline, (widget) => {
    if (broken && widget !== "w1") throw new DeadLetter("not now");
    return Promise.resolve();
  })];
  await consumeOnce(pipeline, consumers);
  assertEquals(await effects(pipeline), ["w1"]);
  broken = false;
  assertEquals(await redriveDeadLetters(sql, {}), 2);
  await consumeOnce(pipeline, consumers);
  assertEquals(await effects(pipeline), ["w1", "w0", "w2"]);
  assertEquals((await sql`SELECT FROM events.dead_letter`).length, 0);
});

Deno.test("runConsumers() with once leaves a paused consumer alone, and ends", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sendWidgets(pipeline, 1);
  await consumeOnce(pipeline, [consumer(pipeline)]);
  await pauseConsumer(sql, { consumer: "test:effect", stream });
  const event = WidgetCreated.create({ widget_id: "w1", owner_id: "o" });
  await sql.begin((tx) => sendEvents(tx, { stream, events: [event] }));
  await pipeline.publish();
  await consumeOnce(pipeline, [consumer(pipeline)]);
  assertEquals(await effects(pipeline), ["w0"]);
  await resumeConsumer(sql, { consumer: "test:effect", stream });
  await consumeOnce(pipeline, [consumer(pipeline)]);
  assertEquals(await effects(pipeline), ["w0", "w1"]);
});
