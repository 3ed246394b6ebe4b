import { ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { TransactionSql } from "postgres";
import { outboxIncarnation } from "./outbox_incarnation.ts";

/** A stream that this transaction has locked. */
export interface LockedStream {
  /** The id of the last entry that is known to be published. */
  readonly checkpoint: string;
  /** The database's clock in Unix milliseconds: the publishers' clocks need not agree. */
  readonly nowMs: number;
  /** Which run of which server this is, and which life of the table: rows may be unpublished again in another one. */
  readonly incarnation: string;
}

/** How long the server lets a transaction hold a stream whose publisher is paused, dead, or cut off. */
export interface SessionLimits {
  /** Without a word from the publisher, or without its taking what it is sent, in milliseconds. */
  readonly idleMs: number;
  /** In one statement, in milliseconds. */
  readonly answerMs: number;
}

/**
 * Locks a stream for this transaction and reads its checkpoint. The row lock is the publisher's whole ownership, so nobody is
 * elected and nothing has to expire. The server takes it away from a publisher that is gone and could not say so. That takes three
 * settings, all of this transaction only, so they hold behind a pooler too:
 *
 * - idle_in_transaction_session_timeout, when the server waits for the publisher's next statement;
 * - tcp_user_timeout, when it waits for the publisher to take a reply: a session that is sending does not count as idle;
 * - statement_timeout, when it works on a statement, so that this ends in an error that says so before the publisher gives up on
 *   the connection.
 *
 * The transaction's commit does not wait for the disk. A server that crashes before it got there loses what a publisher loses that
 * crashes before its commit: the next round finds the stream ahead and adopts the entries. Whoever reads the checkpoint and
 * then commits something of its own, as the archiver does, flushes it too: it stands earlier in the log.
 *
 * @returns `undefined` when another publisher has the stream, or when nobody has ever published to it
 */
export async function lockStream(
  tx: TransactionSql,
  stream: string,
  { idleMs, answerMs }: SessionLimits,
): Promise<LockedStream | undefined> {
  const [row] = await tx<{ checkpoint: string; now_ms: string; incarnation: string }[]>`
    SELECT checkpoint, floor(extract(epoch FROM clock_timestamp()) * 1000)::text AS now_ms,
           ${outboxIncarnation(tx)} AS incarnation,
           set_config('idle_in_transaction_session_timeout', ${String(idleMs)}, true),
           set_config('tcp_user_timeout', ${String(idleMs)}, true),
           set_config('statement_timeout', ${String(Math.ceil(answerMs * 0.9))}, true),
           set_config('synchronous_commit', 'off', true)
    FROM events.stream_lease WHERE stream_name = ${stream} AND role = 'publisher'
    FOR UPDATE SKIP LOCKED`;
  return row && { checkpoint: row.checkpoint, nowMs: Number(row.now_ms), incarnation: row.incarnation };
}

/** Takes up a stream that nobody has published to. @returns whether it was new */
export async function createCheckpoint(
  tx: TransactionSql,
  stream: string,
  limits: SessionLimits,
): Promise<boolean> {
  // The row that is inserted holds up the others like a lock.
  const [, { count }] = await Promise.all([
    tx`SELECT set_config('idle_in_transaction_session_timeout', ${String(limits.idleMs)}, true),
              set_config('tcp_user_timeout', ${String(limits.idleMs)}, true),
              set_config('statement_timeout', ${String(Math.ceil(limits.answerMs * 0.9))}, true)`,
    tx`INSERT INTO events.stream_lease (stream_name, role, checkpoint) VALUES (${stream}, 'publisher', ${ZERO_ENTRY_ID})
       ON CONFLICT DO NOTHING`,
  ]);
  return count > 0;
}

/** Moves the checkpoint of a stream that this transaction has locked. */
export async function saveCheckpoint(tx: TransactionSql, stream: string, checkpoint: string): Promise<void> {
  await tx`
    UPDATE events.stream_lease SET checkpoint = ${checkpoint}, updated_at = clock_timestamp()
    WHERE stream_name = ${stream} AND role = 'publisher'`;
}
