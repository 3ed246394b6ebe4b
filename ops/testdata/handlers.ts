/**
 * A consumer of the stream `TEST_STREAM` that sets aside the widgets of one owner.
 *
 * @module
 */
import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, DeadLetter, defineConsumer } from "@events-pipeline/consumer";

/** Takes all but the widgets of `nobody`. */
export const watched: Consumer = defineConsumer({
  stream: defineStreamName(Deno.env.get("TEST_STREAM")!),
  name: "test:watched",
  events: [WidgetCreated],
  handle({ payload }) {
    if (payload.owner_id === "nobody") throw new DeadLetter("The widget has no owner");
    return Promise.resolve();
  },
});
