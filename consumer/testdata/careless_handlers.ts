/**
 * Consumers of the stream `TEST_STREAM`, one of which does not wait for what it begins.
 *
 * @module
 */
import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, defineConsumer } from "@events-pipeline/consumer";

const base = { stream: defineStreamName(Deno.env.get("TEST_STREAM")!), events: [WidgetCreated] } as const;

/** Returns before its second statement, which comes too late: no other event's handler keeps the transaction open. */
export const careless: Consumer = defineConsumer({
  ...base,
  name: "test:careless",
  maxBatch: 1,
  async handle(_event, { eventId }, tx) {
    await tx`INSERT INTO public.effect (event_id, pid) VALUES (${eventId}, 1)`;
    setTimeout(async () => void await tx`INSERT INTO public.effect (event_id, pid) VALUES (${eventId}, 3)`, 50);
  },
});

/** Waits for everything. */
export const careful: Consumer = defineConsumer({
  ...base,
  name: "test:careful",
  async handle(_event, { eventId }, tx) {
    await tx`INSERT INTO public.effect (event_id, pid) VALUES (${eventId}, 2)`;
  },
});
