import { type Entry, parseEntryId } from "@events-pipeline/common";
import { type Lease, LeaseLostError } from "@events-pipeline/common/lease";
import type { Sql, TransactionSql } from "postgres";

/** How far a worker has come, and which events it has handled on the way. */
export interface Progress {
  /** The consumer's name. */
  readonly consumer: string;
  /** The new checkpoint: an entry id. */
  readonly checkpoint: string;
  /** The events that were handled since the last one. */
  readonly handled: readonly Entry[];
  /** How long the lease lasts from now, in milliseconds. */
  readonly leaseMs: number;
}

/**
 * Events have been handled before: somebody has put the checkpoint back, or they came under other entry ids. The transaction is to be
 * rolled back, and the work done again with a look at what has been handled.
 */
export class AlreadyHandledError extends Error {
  override readonly name = "AlreadyHandledError";
}

/**
 * Writes dedup rows and checkpoint in one statement, which changes nothing unless the lease is still this worker's.
 *
 * @param xactId the transaction that the work was begun in, if it has to be this one
 * @returns whether the checkpoint moved, how many dedup rows were new, and which transaction this is
 */
export async function saveProgress(
  tx: Sql | TransactionSql,
  lease: Lease,
  { consumer, checkpoint, handled, leaseMs }: Progress,
  xactId?: string,
): Promise<{ readonly advanced: boolean; readonly recorded: number; readonly xactId: string }> {
  const [row] = await tx<{ advanced: boolean; recorded: number; xact_id: string }[]>`
    WITH advanced AS (
      UPDATE events.stream_lease
      SET checkpoint = ${checkpoint}, updated_at = clock_timestamp(),
          lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
      WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}
        AND pg_current_xact_id()::text = coalesce(${xactId ?? null}, pg_current_xact_id()::text)
      RETURNING 1
    ), recorded AS (
      INSERT INTO events.processed_event (consumer_name, event_id, stream_position)
      SELECT ${consumer}, e.event_id, e.position
      FROM unnest(${handled.map((entry) => entry.eventId)}::text[]::uuid[],
                  ${handled.map((entry) => String(parseEntryId(entry.entryId).position))}::text[]::bigint[]
           ) AS e(event_id, position)
      WHERE EXISTS (SELECT FROM advanced)
      ON CONFLICT DO NOTHING
      RETURNING 1
    )
    SELECT EXISTS (SELECT FROM advanced) AS advanced, (SELECT count(*)::int FROM recorded) AS recorded,
           pg_current_xact_id()::text AS xact_id`;
  return { advanced: row!.advanced, recorded: row!.recorded, xactId: row!.xact_id };
}

/**
 * As {@linkcode saveProgress}, on its own.
 *
 * @returns how many of the dedup rows were new
 * @throws {LeaseLostError} another worker has taken over; nothing was changed
 */
export async function advance(sql: Sql | TransactionSql, lease: Lease, progress: Progress): Promise<number> {
  const { advanced, recorded } = await saveProgress(sql, lease, progress);
  if (!advanced) throw new LeaseLostError(lease);
  return recorded;
}

/** Which of these events the consumer has handled. */
export async function readHandled(
  sql: Sql | TransactionSql,
  consumer: string,
  entries: readonly Entry[],
): Promise<ReadonlySet<string>> {
  // One look-up an event: asked for all at once, the planner may read the whole table, if it was small when it made the plan.
  const rows = await sql<{ event_id: string }[]>`
    SELECT e::text AS event_id
    FROM unnest(${entries.map((entry) => entry.eventId)}::text[]::uuid[]) AS e
    CROSS JOIN LATERAL (
      SELECT FROM events.processed_event WHERE consumer_name = ${consumer} AND event_id = e LIMIT 1
    ) AS handled`;
  return new Set(rows.map((row) => row.event_id));
}
