import { defineStreamName, type StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import type { Sql } from "postgres";
import { type Consumer, defineConsumer } from "../define_consumer.ts";

/** The stream of the benchmark. */
export const BENCH_STREAM: StreamName = defineStreamName("stream:bench:events");

/** How events are handled; the effect is one row an event each time. */
export type HandlerKind =
  /** One INSERT an event, 200 events a transaction. */
  | "ordinary"
  /** As that, 10 events at once. */
  | "concurrent"
  /** One INSERT for up to 1,000 events. */
  | "batch"
  /** One INSERT an event, each in a transaction of its own. */
  | "single";

/** Creates the table of effects, which says in what order they came. */
export async function createEffects(sql: Sql): Promise<void> {
  await sql`CREATE SCHEMA IF NOT EXISTS bench`;
  await sql`
    CREATE TABLE IF NOT EXISTS bench.effect (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, consumer text NOT NULL, event_id uuid NOT NULL,
      widget_id text NOT NULL, handled_ms float8)`;
  await sql`TRUNCATE bench.effect RESTART IDENTITY`;
}

/** A consumer that does what is measured. */
export function benchConsumer(kind: HandlerKind, name: string = `bench:${kind}`): Consumer {
  const base = { stream: BENCH_STREAM, name, events: [WidgetCreated] } as const;
  if (kind === "batch") {
    return defineConsumer({
      ...base,
      async handleBatch(events, _context, tx) {
        await tx`
          INSERT INTO bench.effect (consumer, event_id, widget_id)
          SELECT ${name}, e.event_id, e.widget_id
          FROM unnest(${events.map(({ eventId }) => eventId)}::text[]::uuid[],
                      ${events.map(({ event }) => event.payload.widget_id)}::text[]) AS e(event_id, widget_id)`;
      },
    });
  }
  return defineConsumer({
    ...base,
    ...(kind === "single" ? { maxBatch: 1 } : {}),
    ...(kind === "concurrent" ? { concurrency: 10 } : {}),
    async handle(event, { eventId }, tx) {
      await tx`
        INSERT INTO bench.effect (consumer, event_id, widget_id) VALUES (${name}, ${eventId}, ${event.payload.widget_id})`;
    },
  });
}
