import type { Entry } from "@events-pipeline/common";
import type { TransactionSql } from "postgres";
import { v7 as uuidV7 } from "uuid";

/** What {@linkcode resendEvents} sends, and where. */
export interface ResendEventsOptions {
  /** Another stream than the one that they are of. */
  readonly stream: string;
  /** Entries that were published before, in the order in which they shall stand in the stream. */
  readonly entries: readonly Entry[];
}

/**
 * Sends events once more, in another stream: type, payload and metadata byte for byte or label for label as they were, whatever today's
 * schemas say. They are events of their own, with ids of their own, so that a consumer of both streams handles both; where they come from
 * travels in their metadata as `replayed_event_id`, `replayed_entry_id` and `replayed_stream`.
 *
 * @param tx the caller's transaction (from `sql.begin`)
 * @returns the new events' ids, in the same order
 * @throws {TypeError} an event is already of the stream: every consumer of it would handle it twice
 *
 * @example
 * ```ts
 * import type { Entry } from "@events-pipeline/common";
 * import { resendEvents } from "@events-pipeline/producer";
 * import { testPipeline } from "@events-pipeline/local/test_pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * await using pipeline = await testPipeline();
 * const entry: Entry = {
 *   entryId: "1767225600000-1",
 *   eventId: "019a2f6e-0000-7000-8000-000000000000",
 *   stream: "stream:widgets:events",
 *   eventType: "WidgetCreated",
 *   time: "2026-01-01T00:00:00.000Z",
 *   metadata: "{}",
 *   payload: '{"widget_id":"w1","owner_id":"o1"}',
 * };
 * const { sql, stream } = pipeline;
 * const [id] = await sql.begin((tx) => resendEvents(tx, { stream, entries: [entry] }));
 * const [row] = await sql`SELECT event_id, metadata FROM events.outbox_event`;
 * assertEquals([row!["event_id"], row!["metadata"].replayed_event_id], [id, entry.eventId]);
 * ```
 */
export async function resendEvents(
  tx: TransactionSql,
  { stream, entries }: ResendEventsOptions,
): Promise<readonly string[]> {
  const same = entries.find((entry) => entry.stream === stream);
  if (same !== undefined) {
    throw new TypeError(`Cannot send ${same.eventId} again into ${stream}: it is of that stream already`);
  }
  if (entries.length === 0) return [];
  const eventIds = entries.map(() => uuidV7());
  await tx`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, metadata)
    SELECT e.event_id, ${stream}, e.event_type, e.payload::json, e.metadata::json
    FROM unnest(${eventIds}::uuid[], ${entries.map((entry) => entry.eventType)}::text[],
                ${entries.map((entry) => entry.payload)}::text[], ${entries.map(metadataOf)}::text[])
      WITH ORDINALITY AS e(event_id, event_type, payload, metadata, place)
    ORDER BY e.place`;
  return eventIds;
}

function metadataOf({ metadata, eventId, entryId, stream }: Entry): string {
  return JSON.stringify({
    ...JSON.parse(metadata),
    replayed_event_id: eventId,
    replayed_entry_id: entryId,
    replayed_stream: stream,
  });
}
