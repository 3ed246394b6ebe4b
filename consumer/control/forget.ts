import { transaction } from "@events-pipeline/common/transaction";
import type { Sql } from "postgres";
import { type ConsumerKey, leaseKeyOf } from "../consumer_state.ts";
import { lockLease } from "./lock_lease.ts";

/** A consumer is at work in some process, so it cannot be forgotten. */
export class ConsumerAtWorkError extends Error {
  /** The error's name, `ConsumerAtWorkError`. */
  override readonly name = "ConsumerAtWorkError";

  /** Made by {@linkcode forgetConsumer}. */
  constructor({ consumer, stream }: ConsumerKey) {
    super(
      `Cannot forget '${consumer}' of ${stream}: a process runs it. Stop that first, or wait until its lease has run out`,
    );
  }
}

/** What is gone with a consumer. */
export interface Forgotten {
  /** How far it had come: an entry id. */
  readonly checkpoint: string;
  /** How many events were noted as handled. */
  readonly handled: number;
}

/**
 * Removes all that is kept of a consumer that nobody runs any more. Until then its checkpoint keeps the publisher from trimming the
 * stream. If it is run again later, it begins anew.
 *
 * @throws {ConsumerAtWorkError} a process has its lease
 * @throws {UnknownConsumerError} the consumer has never begun
 * @throws {Error} it has dead letters: they would be lost
 */
export async function forgetConsumer(sql: Sql, key: ConsumerKey): Promise<Forgotten> {
  const { consumer, stream } = key;
  const { role } = leaseKeyOf(key);
  return await transaction(sql, {}, async (tx) => {
    const { checkpoint, owner } = await lockLease(tx, key);
    if (owner !== undefined) throw new ConsumerAtWorkError(key);
    const [dead] = await tx<{ n: number }[]>`
      SELECT count(*)::int AS n FROM events.dead_letter WHERE consumer_name = ${consumer} AND stream_name = ${stream}`;
    if (dead!.n > 0) {
      throw new Error(`Cannot forget '${consumer}' of ${stream}: it has ${dead!.n} dead letters. Drop them first`);
    }
    await tx`DELETE FROM events.stream_lease WHERE stream_name = ${stream} AND role = ${role}`;
    await tx`DELETE FROM events.consumer_state WHERE consumer_name = ${consumer} AND stream_name = ${stream}`;
    // Dedup rows do not say which stream they are of: they stay while the consumer reads another one.
    const handled = await tx`
      DELETE FROM events.processed_event
      WHERE consumer_name = ${consumer} AND NOT EXISTS (SELECT FROM events.stream_lease WHERE role = ${role})`;
    return { checkpoint, handled: handled.count };
  });
}
