import type { TransactionSql } from "postgres";
import { type ConsumerKey, leaseKeyOf } from "../consumer_state.ts";
import { UnknownConsumerError } from "./find_consumer.ts";

/** How long a worker may hold the row, in milliseconds: only while it commits a batch, or handles a dead letter. */
const LOCK_MS = 10_000;

/** A lease whose row is locked: no worker can write a checkpoint until the transaction ends. */
export interface LockedLease {
  /** How far the consumer has come: an entry id. */
  readonly checkpoint: string;
  /** The process that has it now, if any. */
  readonly owner: string | undefined;
}

/**
 * Locks a consumer's lease for a transaction.
 *
 * @throws {UnknownConsumerError} the consumer has never begun
 * @throws {Error} a worker holds it for longer than 10 seconds
 */
export async function lockLease(tx: TransactionSql, key: ConsumerKey): Promise<LockedLease> {
  const { stream, role } = leaseKeyOf(key);
  await tx`SELECT set_config('lock_timeout', ${String(LOCK_MS)}, true)`;
  const [row] = await tx<{ checkpoint: string; owner: string | null }[]>`
    SELECT checkpoint, CASE WHEN lease_until > clock_timestamp() THEN owner_id END AS owner
    FROM events.stream_lease WHERE stream_name = ${stream} AND role = ${role} FOR UPDATE`;
  if (row === undefined) throw new UnknownConsumerError(key.consumer, []);
  return { checkpoint: row.checkpoint, owner: row.owner ?? undefined };
}
