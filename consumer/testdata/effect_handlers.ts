/**
 * A consumer of the stream `TEST_STREAM` that writes down what it handles.
 *
 * @module
 */
import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, defineConsumer } from "@events-pipeline/consumer";

/** Writes a row for each event. */
export const effect: Consumer = defineConsumer({
  stream: defineStreamName(Deno.env.get("TEST_STREAM")!),
  name: "test:effect",
  events: [WidgetCreated],
  async handle(_event, context, tx) {
    await tx`INSERT INTO public.effect (event_id, pid) VALUES (${context.eventId}, ${Deno.pid})`;
  },
});
