import type { Sql } from "postgres";

/** What the outbox has of a range of positions, as far as it has not been cleaned up. */
export interface OutboxCount {
  /** The first position of the range that the outbox must still have; behind the range when it need not have any. */
  readonly first: number;
  /** How many published rows it has from there to the end of the range. */
  readonly rows: number;
  /** How many of them have an entry id of the day. */
  readonly ofDay: number;
}

/** Counts the published rows of a range of positions, in one snapshot with how far the outbox is cleaned up. */
export async function countOutbox(
  sql: Sql,
  stream: string,
  range: { readonly first: number; readonly last: number; readonly dayMs: number },
): Promise<OutboxCount> {
  const { first, last, dayMs } = range;
  const [row] = await sql<{ first: number; rows: number; of_day: number }[]>`
    WITH held AS (
      SELECT greatest(${first}::bigint, 1 + coalesce(
        (SELECT cleaned_to FROM events.stream_retention WHERE stream_name = ${stream}), 0)) AS first
    )
    SELECT held.first::float8, count(o.id)::float8 AS rows,
           count(o.id) FILTER (WHERE split_part(o.stream_entry_id, '-', 1)::bigint >= ${dayMs}::bigint
             AND split_part(o.stream_entry_id, '-', 1)::bigint < ${dayMs + 86_400_000}::bigint)::float8 AS of_day
    FROM held LEFT JOIN events.outbox_event o
      ON o.stream_name = ${stream} AND o.published_at IS NOT NULL
     AND o.stream_position >= held.first AND o.stream_position <= ${last}::bigint
    GROUP BY held.first`;
  return { first: row!.first, rows: row!.rows, ofDay: row!.of_day };
}
