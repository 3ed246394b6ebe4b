import { transaction } from "@events-pipeline/common/transaction";
import type { Sql } from "postgres";
import { recordCleaned } from "./stream_retention.ts";

/** What may be deleted of the outbox. */
export interface CleanUpLimits {
  /** Rows published longer ago than this, in milliseconds. */
  readonly keepMs: number;
  /** Rows a batch, at most. */
  readonly rows: number;
}

/** How long the server waits for a batch whose publisher is paused, dead or cut off, in milliseconds. */
const IDLE_MS = 15_000;

/**
 * Deletes one batch of a stream's oldest published rows. It begins where the last one ended, so it costs its own size, whatever was
 * deleted before; two publishers never clean one stream at once.
 *
 * @returns how many rows it deleted; fewer than a batch when nothing more is due, or another publisher is at it
 */
export async function cleanBatch(sql: Sql, stream: string, limits: CleanUpLimits): Promise<number> {
  return await transaction(sql, {}, async (tx) => {
    // Who is paused here would hold up the trimming of the stream by all others.
    await tx`SELECT set_config('idle_in_transaction_session_timeout', ${String(IDLE_MS)}, true),
                    set_config('tcp_user_timeout', ${String(IDLE_MS)}, true)`;
    await tx`INSERT INTO events.stream_retention (stream_name) VALUES (${stream}) ON CONFLICT DO NOTHING`;
    const [locked] = await tx<{ cleaned_to: string }[]>`
      SELECT cleaned_to FROM events.stream_retention WHERE stream_name = ${stream} FOR UPDATE SKIP LOCKED`;
    if (locked === undefined) return 0;
    // Up to the first row that is too young: an adopted row can be younger than those after it.
    const [row] = await tx<{ rows: number; last: string | null }[]>`
      WITH oldest AS (
        SELECT ctid, stream_position,
               bool_and(published_at < clock_timestamp() - ${limits.keepMs} * interval '1 millisecond')
                 OVER (ORDER BY stream_position) AS due
        FROM (SELECT ctid, stream_position, published_at FROM events.outbox_event
              WHERE stream_name = ${stream} AND published_at IS NOT NULL AND stream_position > ${locked.cleaned_to}
              ORDER BY stream_position LIMIT ${limits.rows}) AS page
      ), deleted AS (
        DELETE FROM events.outbox_event AS o USING oldest WHERE o.ctid = oldest.ctid AND oldest.due
        RETURNING o.stream_position
      )
      SELECT count(*)::int AS rows, max(stream_position) AS last FROM deleted`;
    if (row!.last !== null) await recordCleaned(tx, stream, Number(row!.last));
    return row!.rows;
  });
}

/** How much room the outbox takes on disk, with its indexes, in bytes. The server asks its file system: no row is read. */
export async function readOutboxBytes(sql: Sql): Promise<number> {
  const [row] = await sql<{ bytes: number }[]>`
    SELECT pg_total_relation_size('events.outbox_event')::float8 AS bytes`;
  return row!.bytes;
}
