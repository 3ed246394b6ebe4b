import type { Sql } from "postgres";

/** Entries that follow each other, as many as may be read at once. */
export interface Page {
  /** How many. */
  readonly count: number;
  /** The position of the last one. */
  readonly last: number;
}

/** How much is read at once. */
export interface PageLimits {
  /** Entries. */
  readonly count: number;
  /** Bytes of payload and metadata; a single entry may exceed it. */
  readonly bytes: number;
}

/**
 * Divides what follows a position into pages, by the sizes that the outbox knows of its rows: Redis tells none before it has sent the
 * entries. It ends where a row is missing.
 *
 * @param after the position in front of the first page
 * @param upTo the last position
 */
export async function planPages(
  sql: Sql,
  stream: string,
  after: number,
  upTo: number,
  { count, bytes }: PageLimits,
): Promise<readonly Page[]> {
  const rows = await sql<{ count: number; last: number }[]>`
    SELECT count(*)::int AS count, max(position)::float8 AS last
    FROM (
      SELECT stream_position AS position,
             row_number() OVER entries AS number,
             sum(payload_bytes + pg_column_size(metadata)) OVER entries AS running
      FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL
        AND stream_position > ${after} AND stream_position <= ${upTo}
      WINDOW entries AS (ORDER BY stream_position ROWS UNBOUNDED PRECEDING)
    ) AS sized
    GROUP BY (running - 1) / ${bytes}::bigint, (number - 1) / ${count}::bigint
    ORDER BY last`;
  let before = after;
  const hole = rows.findIndex((page) => {
    const whole = page.last - before === page.count;
    before = page.last;
    return !whole;
  });
  return hole === -1 ? rows : rows.slice(0, hole);
}

/** What waits behind a position. */
export interface WaitingSize {
  /** Bytes of payload and metadata, of the rows that the outbox still has. */
  readonly bytes: number;
  /** The entry id of the first of them. */
  readonly first: string | undefined;
}

/** Adds up what follows a position, up to another one. */
export async function sumSizes(sql: Sql, stream: string, after: number, upTo: number): Promise<WaitingSize> {
  const [row] = await sql<{ bytes: number | null; first: string | null }[]>`
    SELECT sum(payload_bytes + pg_column_size(metadata))::float8 AS bytes,
           (array_agg(stream_entry_id ORDER BY stream_position))[1] AS first
    FROM events.outbox_event
    WHERE stream_name = ${stream} AND published_at IS NOT NULL
      AND stream_position > ${after} AND stream_position <= ${upTo}`;
  return { bytes: row?.bytes ?? 0, first: row?.first ?? undefined };
}
