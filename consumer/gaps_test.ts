import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals, assertMatch } from "@std/assert";
import { type Consumer, defineConsumer, type StartFrom } from "./define_consumer.ts";
import { type LiveConsumers, liveConsumers } from "./testdata/live_consumers.ts";

/** Publishes widgets, and makes the table of their effects. */
async function published(pipeline: TestPipeline, from: number, count: number): Promise<string[]> {
  const { sql, stream, redis } = pipeline;
  await sql`CREATE TABLE IF NOT EXISTS effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text)`;
  const events = Array.from(
    { length: count },
    (_, i) => WidgetCreated.create({ widget_id: `w${from + i}`, owner_id: "o" }),
  );
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await pipeline.publish();
  return (await redis.call("XRANGE", stream, "-", "+") as [string][]).map(([id]) => id);
}

async function effects({ sql }: TestPipeline): Promise<string[]> {
  const rows = await sql<{ widget_id: string }[]>`SELECT widget_id FROM effect ORDER BY id`;
  return rows.map((row) => row.widget_id);
}

const widgets = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `w${from + i}`);

function noting({ stream }: TestPipeline): Consumer {
  return defineConsumer({
    ...{ stream, name: "test:noting", events: [WidgetCreated] },
    async handle(event, _context, tx) {
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
    },
  });
}

const faultOf = (live: LiveConsumers): string => live.health.faults().get("consumer:test:noting") ?? "";

Deno.test("a new consumer sees the whole history, though the stream was trimmed, and what comes then", async () => {
  await using pipeline = await testPipeline();
  await published(pipeline, 0, 3_000); // More than is read at once.
  await pipeline.redis.call("XTRIM", pipeline.stream, "MAXLEN", 10);
  await using live = liveConsumers(pipeline, [noting(pipeline)]);
  await until("all are handled", async () => (await effects(pipeline)).length === 3_000);
  await published(pipeline, 3_000, 5);
  await until("the new ones too", async () => (await effects(pipeline)).length === 3_005);
  assertEquals(await effects(pipeline), widgets(0, 3_005));
  assertEquals(live.health.faults().size, 0);
});

Deno.test("entries that are deleted amid the stream, or trimmed up to its end, are read from the outbox", async () => {
  await using pipeline = await testPipeline();
  const { redis, stream } = pipeline;
  const ids = await published(pipeline, 0, 50);
  await redis.call("XDEL", stream, ids[0]!, ids[20]!, ids[21]!, ids[49]!);
  await using live = liveConsumers(pipeline, [noting(pipeline)]);
  await until("all are handled", async () => (await effects(pipeline)).length === 50);
  await pipeline.sql`INSERT INTO events.consumer_state (consumer_name, stream_name, paused_at)
                     VALUES ('test:noting', ${stream}, clock_timestamp())`;
  await new Promise((resolve) => setTimeout(resolve, 1_000)); // It looks for that twice a second.
  await published(pipeline, 50, 5);
  await redis.call("XTRIM", stream, "MAXLEN", 0);
  await pipeline.sql`UPDATE events.consumer_state SET paused_at = NULL`;
  await until("those too", async () => (await effects(pipeline)).length === 55);
  assertEquals(await effects(pipeline), widgets(0, 55));
  assertEquals(live.health.faults().size, 0);
});

Deno.test("a consumer stops in front of what neither Redis nor the outbox has, says which, and goes on when it is there", async () => {
  await using pipeline = await testPipeline();
  const { redis, sql, stream } = pipeline;
  await published(pipeline, 0, 30);
  await redis.call("XTRIM", stream, "MAXLEN", 10);
  const [row] = await sql<{ id: string }[]>`
    UPDATE events.outbox_event SET stream_name = 'stream:elsewhere:events'
    WHERE stream_name = ${stream} AND stream_position = 8 RETURNING id`;
  await using live = liveConsumers(pipeline, [noting(pipeline)]);
  await until("health says so", () => faultOf(live) !== "");
  assertMatch(faultOf(live), /position 8\b/);
  assertEquals(await effects(pipeline), widgets(0, 7));
  await sql`UPDATE events.outbox_event SET stream_name = ${stream} WHERE id = ${row!.id}`;
  await until("it goes on", async () => (await effects(pipeline)).length === 30);
  assertEquals(await effects(pipeline), widgets(0, 30));
  await until("it is well", () => live.health.faults().size === 0);
});

Deno.test("a consumer stops in front of an entry that nobody has published at its place, and skips nothing", async () => {
  await using pipeline = await testPipeline();
  const { redis, stream } = pipeline;
  const ids = await published(pipeline, 0, 5);
  const ms = ids.at(-1)!.split("-")[0];
  const fields = ["event_id", crypto.randomUUID(), "event_type", "WidgetCreated", "time", new Date().toISOString()];
  const payload = ["metadata", "{}", "payload", '{"widget_id":"foreign","owner_id":"o"}'];
  await redis.call("XADD", stream, `${ms}-9`, ...fields, ...payload);
  await using live = liveConsumers(pipeline, [noting(pipeline)]);
  await until("health says so", () => faultOf(live) !== "");
  assertMatch(faultOf(live), /position 6\b/);
  assertEquals(await effects(pipeline), widgets(0, 5));
});

Deno.test("startFrom says where a consumer begins that has no checkpoint, on a whole stream, a trimmed one, and one that Redis has lost", async () => {
  for (const state of ["whole", "trimmed", "lost"]) {
    await using pipeline = await testPipeline();
    const { redis, stream } = pipeline;
    await published(pipeline, 0, 4);
    await new Promise((resolve) => setTimeout(resolve, 5)); // The next entries have a later time.
    const ids = await published(pipeline, 4, 4);
    if (state === "trimmed") await redis.call("XTRIM", stream, "MAXLEN", 1);
    if (state === "lost") await redis.call("DEL", stream);
    const cases: readonly [name: string, startFrom: StartFrom, first: number][] = [
      ["beginning", "beginning", 0],
      ["now", "now", 8],
      ["behind an old entry", ids[1] as StartFrom, 2],
      ["behind a new entry", ids[6] as StartFrom, 7],
      ["at a time", new Date(Number(ids[4]!.split("-")[0])), 4],
      ["long ago", new Date(0), 0],
      ["in future", new Date(Date.now() + 60_000), 8],
    ];
    const seen = new Map<string, string[]>(cases.map(([name]) => [name, []]));
    const consumers = cases.map(([name, startFrom], i) =>
      defineConsumer({
        ...{ stream, name: `test:case-${i}`, events: [WidgetCreated], startFrom },
        handle: (event) => void seen.get(name)!.push(event.payload.widget_id),
      })
    );
    await using _live = liveConsumers(pipeline, consumers);
    await until(
      "all have begun",
      async () => (await pipeline.sql`SELECT FROM events.stream_lease WHERE role LIKE 'consumer:%'`).length === 7,
    );
    await published(pipeline, 8, 1);
    await until("all have the last one", () => [...seen.values()].every((widgets) => widgets.includes("w8")));
    assertEquals([...seen], cases.map(([name, , first]) => [name, widgets(first, 9)]));
  }
});
