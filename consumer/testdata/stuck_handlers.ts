import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, defineConsumer } from "@events-pipeline/consumer";

/** Writes, and then never returns, whatever its signal says. */
export const stuck: Consumer = defineConsumer({
  stream: defineStreamName("stream:stuck:events"),
  name: "test:stuck",
  events: [WidgetCreated],
  async handle(_event, context, tx) {
    await tx`INSERT INTO public.effect (event_id) VALUES (${context.eventId})`;
    context.logger.info("Stuck");
    await new Promise(() => setInterval(() => {}, 1_000));
  },
});
