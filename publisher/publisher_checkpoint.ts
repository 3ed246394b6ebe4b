import { ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { TransactionSql } from "postgres";

/**
 * Locks a stream for this transaction and reads its checkpoint: the id of the last entry that is known to be published.
 * The row lock is the publisher's whole ownership, so nobody is elected and nothing has to expire; `idleLimitMs` is how long
 * the server lets a paused publisher hold it.
 *
 * @returns `undefined` when another publisher has the stream
 */
export async function lockCheckpoint(
  tx: TransactionSql,
  stream: string,
  idleLimitMs: number,
): Promise<string | undefined> {
  const read = () =>
    tx<{ checkpoint: string }[]>`
      SELECT checkpoint, set_config('idle_in_transaction_session_timeout', ${String(idleLimitMs)}, true)
      FROM events.stream_lease WHERE stream_name = ${stream} AND role = 'publisher'
      FOR UPDATE SKIP LOCKED`;
  const [row] = await read();
  if (row !== undefined) return row.checkpoint;
  // Nothing came back: another publisher has the row, or the stream is new.
  const { count } = await tx`
    INSERT INTO events.stream_lease (stream_name, role, checkpoint) VALUES (${stream}, 'publisher', ${ZERO_ENTRY_ID})
    ON CONFLICT DO NOTHING`;
  if (count === 0) return undefined;
  const [created] = await read();
  return created?.checkpoint;
}

/** Moves the checkpoint of a stream that this transaction has locked. */
export async function saveCheckpoint(tx: TransactionSql, stream: string, checkpoint: string): Promise<void> {
  await tx`
    UPDATE events.stream_lease SET checkpoint = ${checkpoint}, updated_at = clock_timestamp()
    WHERE stream_name = ${stream} AND role = 'publisher'`;
}
