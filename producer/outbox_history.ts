/**
 * What the outbox still holds of what it has published: where readers find entries that Redis no longer has.
 *
 * @module
 */
import { type Entry, formatEntryId, parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { Sql } from "postgres";

/** What the outbox still holds of what it has published. */
export class OutboxHistory {
  readonly #sql: Sql;

  /**
   * Reads nothing yet.
   *
   * @param sql a pool on the producers' database
   */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Reads published rows of a stream in order, as far as they follow each other without a hole.
   *
   * @param after the position in front of the first one
   * @param upTo the last position that is wanted
   * @param count how many, at most
   * @returns none when the outbox does not have the first one
   */
  async read(stream: string, after: number, upTo: number, count: number): Promise<readonly Entry[]> {
    const rows = await this.#sql<
      { id: string; event_id: string; event_type: string; created_at: Date; metadata: string; payload: string }[]
    >`
      SELECT stream_entry_id AS id, event_id, event_type, created_at, metadata::text, payload::text
      FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL
        AND stream_position > ${after} AND stream_position <= ${upTo}
      ORDER BY stream_position LIMIT ${count}`;
    const entries = rows.map((row) => ({
      entryId: row.id,
      eventId: row.event_id,
      eventType: row.event_type,
      stream,
      time: row.created_at.toISOString(),
      metadata: row.metadata,
      payload: row.payload,
    }));
    const hole = entries.findIndex(({ entryId }, i) => parseEntryId(entryId).position !== after + 1 + i);
    return hole === -1 ? entries : entries.slice(0, hole);
  }

  /** The id of the last entry before a time; `undefined` when the outbox does not reach back so far. */
  async lastBefore(stream: string, ms: number): Promise<string | undefined> {
    const last = await this.#last(stream);
    if (last === undefined || parseEntryId(last).ms < ms) return last;
    // The times of entry ids never fall, so this ends at the first row that is late enough.
    const [row] = await this.#sql<{ id: string; position: string }[]>`
      SELECT stream_entry_id AS id, stream_position::text AS position FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL
        AND split_part(stream_entry_id, '-', 1)::bigint >= ${Math.ceil(ms)}
      ORDER BY stream_position LIMIT 1`;
    if (row === undefined) return undefined;
    const position = Number(row.position);
    if (position === 1) return ZERO_ENTRY_ID;
    const [before] = await this.#sql<{ id: string }[]>`
      SELECT stream_entry_id AS id FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL AND stream_position = ${position - 1}`;
    // When that one is gone, the first that is late enough may be gone, too.
    return before === undefined ? undefined : formatEntryId(parseEntryId(before.id));
  }

  async #last(stream: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ id: string }[]>`
      SELECT stream_entry_id AS id FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL
      ORDER BY stream_position DESC LIMIT 1`;
    return row === undefined ? undefined : formatEntryId(parseEntryId(row.id));
  }
}

/**
 * Whether a stream has rows that no publisher has published. It costs a look at the index of those rows.
 *
 * @param sql a pool on the producers' database
 */
export async function hasUnpublished(sql: Sql, stream: string): Promise<boolean> {
  const [row] = await sql<{ has: boolean }[]>`
    SELECT EXISTS (SELECT FROM events.outbox_event WHERE stream_name = ${stream} AND published_at IS NULL) AS has`;
  return row!.has;
}
