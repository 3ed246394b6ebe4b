import type { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals } from "@std/assert";
import { type Consumer, defineConsumer } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

const EVENTS = 300;

/** A machine that is busy with something else spoils a measurement; one of so many has to show that nobody is held up. */
const TRIES = 3;

/** Takes its events one by one. */
function consumer(stream: StreamName, name: string, onEvent: () => Promise<void> = () => Promise.resolve()): Consumer {
  return defineConsumer({
    ...{ stream, name, events: [WidgetCreated], maxBatch: 1 },
    async handle(_event, context, tx) {
      await tx`INSERT INTO public.effect (consumer, event_id) VALUES (${name}, ${context.eventId})`;
      await onEvent();
    },
  });
}

Deno.test("runConsumers() keeps a consumer at full speed beside others that never return or always fail", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql`CREATE TABLE public.effect (consumer text, event_id uuid)`;
  const events = Array.from({ length: EVENTS }, () => WidgetCreated.create({ widget_id: "w", owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await pipeline.publish();
  /** How long a consumer takes for all events, in milliseconds. */
  const timeOf = async (name: string): Promise<number> => {
    const begun = performance.now();
    await until(
      `${name} has handled all`,
      async () => (await sql`SELECT FROM public.effect WHERE consumer = ${name}`).length === EVENTS,
    );
    return performance.now() - begun;
  };
  const times: string[] = [];
  for (let i = 0; i < TRIES; i++) {
    let alone: number;
    {
      await using _live = liveConsumers(pipeline, [consumer(stream, `test:alone${i}`)]);
      alone = await timeOf(`test:alone${i}`);
    }
    const free = Promise.withResolvers<void>();
    let stuck = 0;
    const others = [1, 2, 3].map((n) => consumer(stream, `test:stuck${n}-${i}`, () => (stuck++, free.promise)));
    const failing = consumer(stream, `test:failing${i}`, () => Promise.reject(new Error("no")));
    const beside = consumer(stream, `test:beside${i}`);
    await using live = liveConsumers(pipeline, [...others, failing, beside], { leaseMs: 60_000 });
    const besideMs = await timeOf(beside.name);
    assertEquals([stuck, [...live.health.faults().keys()]], [3, [`consumer:test:failing${i}`]]);
    free.resolve();
    if (besideMs < 1.5 * alone + 500) return;
    times.push(`${besideMs} ms beside them, ${alone} ms alone`);
  }
  assert(false, times.join("; "));
});
