import type { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert } from "@std/assert";
import { type Consumer, defineConsumer } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

const EVENTS = 300;

/** Takes its events one by one, and writes each. */
function writing(stream: StreamName, name: string): Consumer {
  return defineConsumer({
    ...{ stream, name, events: [WidgetCreated], maxBatch: 1 },
    async handle(_event, context, tx) {
      await tx`INSERT INTO public.effect (consumer, event_id) VALUES (${name}, ${context.eventId})`;
    },
  });
}

/** Never returns, with its effect written and its transaction open. */
function stuck(stream: StreamName, name: string): Consumer {
  return defineConsumer({
    ...{ stream, name, events: [WidgetCreated] },
    async handle(_event, context, tx) {
      await tx`INSERT INTO public.effect (consumer, event_id) VALUES (${name}, ${context.eventId})`;
      await new Promise(() => {});
    },
  });
}

/** How long a consumer takes for all events, in milliseconds. */
async function timeOf({ sql }: TestPipeline, consumer: string): Promise<number> {
  const begun = performance.now();
  await until(
    `${consumer} has handled all`,
    async () => (await sql`SELECT FROM public.effect WHERE consumer = ${consumer}`).length === EVENTS,
    20_000,
  );
  return performance.now() - begun;
}

Deno.test("runConsumers() keeps a consumer at full speed beside more of them that never return than the pool has connections", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql`CREATE TABLE public.effect (consumer text, event_id uuid)`;
  const events = Array.from({ length: EVENTS }, () => WidgetCreated.create({ widget_id: "w", owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await pipeline.publish();
  const pool = connectPostgres(pipeline.databaseUrl, { applicationName: "handlers", connections: 4 });
  try {
    let alone: number;
    {
      await using _live = liveConsumers(pipeline, [writing(stream, "test:alone")], { sql: pool });
      alone = await timeOf(pipeline, "test:alone");
    }
    const cancel = new AbortController();
    const others = Array.from({ length: 6 }, (_, i) => stuck(stream, `test:stuck${i}`));
    await using live = liveConsumers(pipeline, [...others, writing(stream, "test:beside")], {
      sql: pool,
      cancel: cancel.signal,
    });
    const beside = await timeOf(pipeline, "test:beside");
    cancel.abort();
    console.log({ alone, beside });
    assert(beside < 2 * alone + 500, `${beside} ms beside them, ${alone} ms alone`);
    void live;
  } finally {
    await closePostgres(pool);
  }
});
