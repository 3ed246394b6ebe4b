/**
 * A consumer of the stream `TEST_STREAM` that answers the first event with a second one, on which it fails once.
 *
 * @module
 */
import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, defineConsumer } from "@events-pipeline/consumer";
import { sendEvent } from "@events-pipeline/producer";
import { trace } from "@opentelemetry/api";

const stream = defineStreamName(Deno.env.get("TEST_STREAM")!);

/** Answers the widget `first`. */
export const traced: Consumer = defineConsumer({
  stream,
  name: "test:traced",
  events: [WidgetCreated],
  retryMs: 20,
  async handle({ payload }, { attempt }, tx) {
    if (payload.widget_id !== "first") {
      if (attempt === 1) throw new RangeError("Cannot charge\n    at secret-4111 of the card");
      return;
    }
    await trace.getTracer("handlers").startActiveSpan("reserve", async (span) => {
      await tx`SELECT 1`;
      span.end();
    });
    await sendEvent(tx, { stream, event: WidgetCreated.create({ widget_id: "second", owner_id: "o" }) });
  },
});
