import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { TransactionSql } from "postgres";
import { defineConsumer } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

async function sendWidgets({ sql, stream, publish }: TestPipeline, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await publish();
}

const all = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`);

const positionOf = async ({ sql }: TestPipeline): Promise<number> => {
  const [row] =
    await sql`SELECT split_part(checkpoint, '-', 2)::int AS at FROM events.stream_lease WHERE role LIKE 'consumer:%'`;
  return row?.["at"] ?? 0;
};

Deno.test("AT_LEAST_ONCE handles each event outside of a transaction, notes it afterwards, and repeats one that fails", async () => {
  await using pipeline = await testPipeline();
  await sendWidgets(pipeline, 30);
  const calls: string[] = [];
  const consumer = defineConsumer({
    stream: pipeline.stream,
    name: "test:mail",
    events: [WidgetCreated],
    guarantee: "AT_LEAST_ONCE",
    retryMs: 10,
    handle(event, context) {
      calls.push(event.payload.widget_id);
      if (event.payload.widget_id === "w4" && context.attempt < 3) throw new Error("the mail server is away");
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("all are noted", async () => await positionOf(pipeline) === 30);
  assertEquals(calls, [...all(5), "w4", "w4", ...all(30).slice(5)]);
  assertEquals((await pipeline.sql`SELECT FROM events.processed_event`).length, 30);
});

Deno.test("AT_MOST_ONCE notes each event first, and does not repeat one that fails", async () => {
  await using pipeline = await testPipeline();
  await sendWidgets(pipeline, 10);
  const calls: [string, number][] = [];
  const consumer = defineConsumer({
    stream: pipeline.stream,
    name: "test:metric",
    events: [WidgetCreated],
    guarantee: "AT_MOST_ONCE",
    async handle(event) {
      calls.push([event.payload.widget_id, await positionOf(pipeline)]);
      if (event.payload.widget_id === "w4") throw new Error("no");
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("all were called", () => calls.length === 10);
  assertEquals(calls, all(10).map((widget, i) => [widget, i + 1]));
});

Deno.test("handleBatch takes many events at once, and one by one when one of them fails", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await sql`CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text)`;
  await sendWidgets(pipeline, 50);
  const sizes: number[] = [];
  const consumer = defineConsumer({
    stream: pipeline.stream,
    name: "test:bulk",
    events: [WidgetCreated],
    retryMs: 10,
    async handleBatch(events, context, tx) {
      sizes.push(events.length);
      await tx`
        INSERT INTO effect (widget_id) SELECT * FROM unnest(${
        events.map(({ event }) => event.payload.widget_id)
      }::text[])`;
      if (events.some(({ event }) => event.payload.widget_id === "w20") && context.attempt < 2) throw new Error("no");
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("all are noted", async () => await positionOf(pipeline) === 50);
  const rows = await sql`SELECT widget_id FROM effect ORDER BY id`;
  assertEquals(rows.map((row) => row["widget_id"]), all(50));
  assertEquals(sizes.slice(0, 2), [50, 1]);
});

Deno.test("concurrency lets the handlers of a transaction run at once, each effect still once", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await sql`CREATE TABLE effect (widget_id text)`;
  await sendWidgets(pipeline, 60);
  let running = 0, most = 0;
  const consumer = defineConsumer({
    stream: pipeline.stream,
    name: "test:parallel",
    events: [WidgetCreated],
    concurrency: 8,
    retryMs: 10,
    async handle(event, context, tx) {
      most = Math.max(most, ++running);
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
      running--;
      if (event.payload.widget_id === "w33" && context.attempt < 2) throw new Error("no");
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("all are noted", async () => await positionOf(pipeline) === 60);
  const rows = await sql`SELECT widget_id FROM effect`;
  assertEquals(rows.map((row) => row["widget_id"]).sort(), all(60).sort());
  assert(most > 1 && most <= 8, String(most));
});

Deno.test("defineConsumer() tells all faults of a consumer at once", () => {
  const spec = {
    stream: "stream:widgets:events" as never,
    name: "Not A Name",
    events: [] as const,
    maxBatch: 0,
    concurrency: 0.5,
    retryMs: -1,
    deadLetterAfter: 0,
    timeoutMs: 0,
    startFrom: "yesterday" as never,
    handle() {},
  };
  const error = assertThrows(() => defineConsumer(spec), TypeError);
  for (
    const word of [
      "its name",
      "no events",
      "maxBatch",
      "concurrency",
      "retryMs",
      "deadLetterAfter",
      "timeoutMs",
      "startFrom",
    ]
  ) {
    assert(error.message.includes(word), word);
  }
});

Deno.test("a handler that wants a transaction where there is none does not compile", () => {
  const spec = { stream: "stream:widgets:events" as never, name: "test:types", events: [WidgetCreated] as const };
  defineConsumer({
    ...spec,
    guarantee: "AT_LEAST_ONCE",
    // @ts-expect-error: AT_LEAST_ONCE has no transaction
    handle(_event, _context, _tx: TransactionSql) {},
  });
});
