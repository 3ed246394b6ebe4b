import type { PendingQuery, Row, Sql } from "postgres";

/** Which dead letters; all of them when nothing is named. */
export interface DeadLetterFilter {
  /** Those with these numbers. */
  readonly ids?: readonly string[] | undefined;
  /** Those of a consumer. */
  readonly consumer?: string | undefined;
  /** Those of an event. */
  readonly eventId?: string | undefined;
  /** Those of a type. */
  readonly eventType?: string | undefined;
  /** Those set aside at this time or later. */
  readonly since?: Date | undefined;
  /** Those set aside before this time. */
  readonly until?: Date | undefined;
}

/** An event that a consumer has set aside. */
export interface StoredDeadLetter {
  /** Its number: they grow with time. */
  readonly id: string;
  /** The consumer that set it aside. */
  readonly consumer: string;
  /** The stream that it is of. */
  readonly stream: string;
  /** Where it is in the stream. */
  readonly entryId: string;
  /** The event's id. */
  readonly eventId: string;
  /** The event's type. */
  readonly eventType: string;
  /** When it was sent. */
  readonly sentAt: Date;
  /** Its metadata, as JSON text. */
  readonly metadata: string;
  /** Its payload, as JSON text. */
  readonly payload: string;
  /** Why it was set aside. */
  readonly reason: string;
  /** The last error, in words. */
  readonly error: string;
  /** How often it was tried. */
  readonly attempts: number;
  /** When it was set aside. */
  readonly createdAt: Date;
  /** Whether somebody wants it to be handled again, which has not happened yet. */
  readonly redriving: boolean;
}

/**
 * Lists dead letters, the oldest first.
 *
 * @param page `limit` is how many at most; `after` the number of the last one seen
 */
export async function listDeadLetters(
  sql: Sql,
  filter: DeadLetterFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<readonly StoredDeadLetter[]> {
  const rows = await sql<DeadLetterRow[]>`
    SELECT id::text, consumer_name, stream_name, entry_id, event_id, event_type, sent_at, metadata::text, payload::text,
           reason, error, attempts, created_at, redrive_requested_at IS NOT NULL AS redriving
    FROM events.dead_letter
    WHERE id > ${page.after ?? "0"} AND ${chosen(sql, filter)}
    ORDER BY dead_letter.id LIMIT ${page.limit}`;
  return rows.map((row) => ({
    id: row.id,
    consumer: row.consumer_name,
    stream: row.stream_name,
    entryId: row.entry_id,
    eventId: row.event_id,
    eventType: row.event_type,
    sentAt: row.sent_at,
    metadata: row.metadata,
    payload: row.payload,
    reason: row.reason,
    error: row.error,
    attempts: row.attempts,
    createdAt: row.created_at,
    redriving: row.redriving,
  }));
}

/** How many dead letters there are. */
export async function countDeadLetters(sql: Sql, filter: DeadLetterFilter): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    SELECT count(*)::int AS n FROM events.dead_letter WHERE ${chosen(sql, filter)}`;
  return row!.n;
}

/**
 * Has dead letters handled again, by the workers of their consumers, within a second, in the order of their streams. One that fails goes
 * back to the others.
 *
 * @returns how many
 */
export async function redriveDeadLetters(sql: Sql, filter: DeadLetterFilter): Promise<number> {
  const { count } = await sql`
    UPDATE events.dead_letter SET redrive_requested_at = clock_timestamp()
    WHERE redrive_requested_at IS NULL AND ${chosen(sql, filter)}`;
  return count;
}

/**
 * Deletes dead letters: their events are never handled by that consumer.
 *
 * @returns how many
 */
export async function dropDeadLetters(sql: Sql, filter: DeadLetterFilter): Promise<number> {
  const { count } = await sql`DELETE FROM events.dead_letter WHERE ${chosen(sql, filter)}`;
  return count;
}

interface DeadLetterRow {
  readonly id: string;
  readonly consumer_name: string;
  readonly stream_name: string;
  readonly entry_id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly sent_at: Date;
  readonly metadata: string;
  readonly payload: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly created_at: Date;
  readonly redriving: boolean;
}

/** The condition that a filter means. */
function chosen(sql: Sql, filter: DeadLetterFilter): PendingQuery<Row[]> {
  const { ids, consumer, eventId, eventType, since, until } = filter;
  return sql`
    true
    ${ids === undefined ? sql`` : sql`AND id = ANY(${[...ids]}::text[]::bigint[])`}
    ${consumer === undefined ? sql`` : sql`AND consumer_name = ${consumer}`}
    ${eventId === undefined ? sql`` : sql`AND event_id = ${eventId}`}
    ${eventType === undefined ? sql`` : sql`AND event_type = ${eventType}`}
    ${since === undefined ? sql`` : sql`AND created_at >= ${since}`}
    ${until === undefined ? sql`` : sql`AND created_at < ${until}`}`;
}
