import { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, defineConsumer } from "@events-pipeline/consumer";

/** The tutorial's effect, one statement for many events. */
export const notifyOwners: Consumer = defineConsumer({
  stream: StreamName.WIDGETS,
  name: "widgets:notify_owners",
  events: [WidgetCreated],
  async handleBatch(events, _context, tx) {
    await tx`
      INSERT INTO widgets.notification (event_id, entry_id, owner_id, message)
      SELECT e.event_id, e.entry_id, e.owner_id, 'Your widget ' || e.widget_id || ' is ready'
      FROM unnest(${events.map(({ eventId }) => eventId)}::text[]::uuid[],
                  ${events.map(({ entryId }) => entryId)}::text[],
                  ${events.map(({ event }) => event.payload.owner_id)}::text[],
                  ${events.map(({ event }) => event.payload.widget_id)}::text[])
             AS e(event_id, entry_id, owner_id, widget_id)`;
  },
});
