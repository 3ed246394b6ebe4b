import type { Driver } from "@events-pipeline/common/driver";

/** What becomes rows of the outbox. */
export interface OutboxRows {
  /** The stream of all. */
  readonly stream: string;
  /** The metadata of all, as JSON text. */
  readonly metadata: string;
  /** A UUID each. */
  readonly eventIds: readonly string[];
  /** The name of each event's definition. */
  readonly types: readonly string[];
  /** Each payload as JSON text. */
  readonly payloads: readonly string[];
}

const INSERT_ONE = `
  INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, metadata)
  VALUES ($1::text::uuid, $2::text, $3::text, $4::text::json, $5::text::json)`;

/** The rows get their `id` in the order of the lists. */
const INSERT_MANY = `
  INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, metadata)
  SELECT e.event_id, $1::text, e.event_type, e.payload::json, $2::text::json
  FROM unnest($3::text::uuid[], $4::text::text[], $5::text::text[])
    WITH ORDINALITY AS e(event_id, event_type, payload, place)
  ORDER BY e.place`;

/**
 * Inserts rows into the outbox in one statement, in the order of the lists. Every parameter is text, since the libraries differ in what
 * they make of lists.
 */
export async function insertOutboxRows<Tx>(driver: Driver<never, Tx>, tx: Tx, rows: OutboxRows): Promise<void> {
  const { stream, metadata, eventIds, types, payloads } = rows;
  if (eventIds.length === 1) {
    await driver.run(tx, INSERT_ONE, [eventIds[0]!, stream, types[0]!, payloads[0]!, metadata]);
  } else {
    await driver.run(tx, INSERT_MANY, [stream, metadata, ...[eventIds, types, payloads].map(arrayText)]);
  }
}

/** A list as PostgreSQL writes arrays. Source: its manual, "Array Input and Output Syntax". */
function arrayText(items: readonly string[]): string {
  return `{${items.map((item) => `"${item.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}
