import { formatEntryId, parseEntryId } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { type Consumer, defineConsumer } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

/** Publishes three events, of which somebody has put the second one into the stream again, at its end. */
async function publishWithRepetition({ sql, redis, stream, publish }: TestPipeline): Promise<void> {
  const events = ["a", "b", "c"].map((id) => WidgetCreated.create({ widget_id: id, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await publish();
  const entries = await redis.call("XRANGE", stream, "-", "+") as [string, string[]][];
  const { ms, position } = parseEntryId(entries.at(-1)![0]);
  await redis.call("XADD", stream, formatEntryId({ ms, position: position + 1 }), ...entries[1]![1]);
}

const done = async ({ sql }: TestPipeline): Promise<boolean> =>
  (await sql`SELECT FROM events.stream_lease WHERE role LIKE 'consumer:%' AND checkpoint LIKE '%-4'`).length > 0;

for (const kind of ["one by one", "in batches", "several at once"]) {
  Deno.test(`a consumer that takes events ${kind} handles one once that comes twice in what it reads`, async () => {
    await using pipeline = await testPipeline();
    const { sql, stream } = pipeline;
    await sql`CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text)`;
    await publishWithRepetition(pipeline);
    const spec = { stream, name: "test:repeated", events: [WidgetCreated] };
    const consumer: Consumer = kind === "in batches"
      ? defineConsumer({
        ...spec,
        handleBatch: async (events, _context, tx) => {
          for (const { event } of events) await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
        },
      })
      : defineConsumer({
        ...{ ...spec, concurrency: kind === "several at once" ? 4 : 1 },
        handle: async (event, _context, tx) => {
          await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
        },
      });
    await using _live = liveConsumers(pipeline, [consumer]);
    await until("all entries are passed", () => done(pipeline));
    const rows = await sql<{ widget_id: string }[]>`SELECT widget_id FROM effect ORDER BY widget_id`;
    assertEquals(rows.map((row) => row.widget_id), ["a", "b", "c"]);
  });
}

Deno.test("a consumer of AT_MOST_ONCE is not called twice for an event that comes twice in what it reads", async () => {
  await using pipeline = await testPipeline();
  await publishWithRepetition(pipeline);
  const calls: string[] = [];
  const consumer = defineConsumer({
    ...{ stream: pipeline.stream, name: "test:repeated", events: [WidgetCreated], concurrency: 4 },
    guarantee: "AT_MOST_ONCE",
    handle: (event) => void calls.push(event.payload.widget_id),
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("all entries are passed", () => done(pipeline));
  await until("the handlers were called", () => calls.length >= 3);
  assertEquals(calls.sort(), ["a", "b", "c"]);
});

Deno.test("an event that comes again is passed over, though its handler would fail on it", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql`CREATE TABLE effect (widget_id text PRIMARY KEY)`;
  await publishWithRepetition(pipeline);
  const consumer = defineConsumer({
    ...{ stream, name: "test:repeated", events: [WidgetCreated], maxBatch: 1, retryMs: 20 },
    handle: async (event, _context, tx) => {
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("all entries are passed", () => done(pipeline));
  assertEquals((await sql`SELECT FROM effect`).length, 3);
});
