import { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, defineConsumer } from "@events-pipeline/consumer";

/** Writes a notification for the owner of each new widget. */
export const notifyOwner: Consumer = defineConsumer({
  stream: StreamName.WIDGETS,
  name: "widgets:notify_owner",
  events: [WidgetCreated],
  async handle(event, context, tx) {
    await tx`
      INSERT INTO widgets.notification (event_id, entry_id, owner_id, message)
      VALUES (${context.eventId}, ${context.entryId}, ${event.payload.owner_id},
              ${`Your widget ${event.payload.widget_id} is ready`})`;
    context.logger.debug("Notified an owner", { owner: event.payload.owner_id });
  },
});
