import { parseEntryId } from "@events-pipeline/common";
import { transaction } from "@events-pipeline/common/transaction";
import type { Sql } from "postgres";
import { pastConflicts } from "../conflict.ts";
import { type ConsumerKey, leaseKeyOf } from "../consumer_state.ts";
import { findConsumers } from "./find_consumer.ts";
import { lockLease } from "./lock_lease.ts";

/** What a reset has changed. */
export interface ResetResult {
  /** The checkpoint before. */
  readonly from: string;
  /** The checkpoint now. */
  readonly to: string;
  /** How many events were noted as handled behind it, and are handled again. */
  readonly handled: number;
  /** How many dead letters behind it are no longer: their events come again. */
  readonly deadLetters: number;
}

/**
 * Puts a consumer's checkpoint elsewhere. All in one transaction: dedup rows and dead letters behind it go, and so does the lease, so
 * that what a worker has in hand is rolled back. Workers begin at the new place within a second. Put back, events are handled again, on
 * purpose; put forward, those in between are never handled.
 *
 * @param checkpoint what `checkpointFor` has found
 * @throws {UnknownConsumerError} the consumer has never begun
 * @throws {Error} it has read several streams: nobody can tell which dedup rows are whose
 */
export async function resetConsumer(sql: Sql, key: ConsumerKey, checkpoint: string): Promise<ResetResult> {
  const { consumer, stream } = key;
  const streams = (await findConsumers(sql, consumer)).map((known) => known.stream);
  if (streams.length > 1) {
    throw new Error(
      `Cannot reset '${consumer}': it has read ${
        streams.join(" and ")
      }, and what it has handled of each cannot be told apart. ` +
        `Forget those that it no longer reads`,
    );
  }
  const { position } = parseEntryId(checkpoint);
  // A worker may be handling a dead letter again: it locks that, and then its lease.
  return await pastConflicts(new AbortController().signal, () =>
    transaction(sql, {}, async (tx) => {
      const before = await lockLease(tx, key);
      await tx`
      UPDATE events.stream_lease
      SET checkpoint = ${checkpoint}, fencing_token = fencing_token + 1, owner_id = NULL, lease_until = NULL,
          updated_at = clock_timestamp()
      WHERE stream_name = ${stream} AND role = ${leaseKeyOf(key).role}`;
      const handled = await tx`
      DELETE FROM events.processed_event
      WHERE consumer_name = ${consumer} AND coalesce(stream_position, ${position} + 1) > ${position}`;
      const deadLetters = await tx`
      DELETE FROM events.dead_letter
      WHERE consumer_name = ${consumer} AND stream_name = ${stream} AND stream_position > ${position}`;
      await tx`
      UPDATE events.consumer_state
      SET failing_event_id = NULL, failing_entry_id = NULL, attempts = 0, last_error = NULL, failing_since = NULL,
          retry_at = NULL
      WHERE consumer_name = ${consumer} AND stream_name = ${stream}`;
      return { from: before.checkpoint, to: checkpoint, handled: handled.count, deadLetters: deadLetters.count };
    }));
}
