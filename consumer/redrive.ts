import { describeError } from "@events-pipeline/common/logger";
import { type Lease, LeaseLostError } from "@events-pipeline/common/lease";
import { transaction } from "@events-pipeline/common/transaction";
import type { Sql, TransactionSql } from "postgres";
import { saveProgress } from "./checkpoint.ts";
import { pastConflicts } from "./conflict.ts";
import {
  deleteDeadLetter,
  deleteDeadLetterInWork,
  lockDeadLetter,
  nextRedrive,
  type Redrive,
  returnDeadLetter,
} from "./dead_letters.ts";
import type { ExecutorContext } from "./executor.ts";
import { handleEntries, handleEntry, HandlerError } from "./run_handler.ts";
import { noticeSilence } from "./silent_handler.ts";
import { workTransaction } from "./work_transaction.ts";

/**
 * Handles the first dead letter, in stream order, that somebody wants to be handled again, as the consumer's guarantee says. When that
 * fails, it goes back to the others.
 *
 * @param checkpoint where the consumer is in its stream: an entry id
 * @returns whether there was one
 * @throws {LeaseLostError} another worker has taken over; nothing was changed
 */
export async function redriveNext(context: ExecutorContext, lease: Lease, checkpoint: string): Promise<boolean> {
  const { sql, consumer, logger } = context;
  const next = await nextRedrive(sql, { consumer: consumer.name, stream: consumer.stream });
  if (next === undefined) return false;
  const fields = { consumer: consumer.name, event: next.entry.eventId };
  try {
    // A replay brings a whole range of the stream; what the consumer set aside it wanted.
    if (next.replayed && !consumer.events.has(next.entry.eventType)) await deleteAsOwner(sql, lease, next.id);
    else if (consumer.guarantee === "EXACTLY_ONCE") {
      await pastConflicts(
        context.signal,
        () => noticeSilence(context, next.entry, () => handleInside(context, lease, checkpoint, next)),
      );
    } else await handleOutside(context, lease, next);
  } catch (error) {
    if (!(error instanceof HandlerError) || context.signal.aborted) throw error;
    const reason = describeError(error.cause);
    logger.error("A dead letter failed again", { ...fields, error: reason });
    await returnDeadLetter(sql, next, reason);
    return true;
  }
  if (next.replayed) logger.debug("Handled a replayed event", fields);
  else logger.info("Handled a dead letter", fields);
  return true;
}

/** The handler's effect and the end of the dead letter commit together. */
async function handleInside(
  context: ExecutorContext,
  lease: Lease,
  checkpoint: string,
  { id, entry, attempts }: Redrive,
): Promise<void> {
  const { consumer, leaseMs } = context;
  const { handler, name } = consumer;
  const call = { ...context, attempt: attempts + 1 };
  await workTransaction(context, {
    entry,
    async handle(tx) {
      if (!await lockDeadLetter(tx, id)) return; // Somebody has dropped it.
      if (handler.kind === "batch") {
        await handleEntries(call, [entry], (events, context) => handler.handle(events, context, tx));
      } else if (handler.kind === "transaction") {
        await handleEntry(call, entry, (event, context) => handler.handle(event, context, tx));
      }
    },
    async save(tx) {
      deleteDeadLetterInWork(tx, name, id).catch(() => {}); // If it fails, so does the next statement.
      const progress = { consumer: name, before: checkpoint, checkpoint, handled: [], leaseMs };
      await saveProgress(tx, lease, progress, { inWork: true });
    },
  });
}

/** Before the handler, or after it: a crash in between loses the event, or repeats the handler. */
async function handleOutside(context: ExecutorContext, lease: Lease, { id, entry, attempts }: Redrive): Promise<void> {
  const { sql, consumer, onGivenUp } = context;
  const { handler, guarantee } = consumer;
  if (handler.kind !== "outside") throw new TypeError(`Cannot handle ${guarantee} inside of a transaction`);
  const call = { ...context, attempt: attempts + 1 };
  if (guarantee === "AT_MOST_ONCE") {
    await deleteAsOwner(sql, lease, id);
    await handleEntry(call, entry, handler.handle).catch(onGivenUp);
  } else {
    await handleEntry(call, entry, handler.handle);
    await deleteAsOwner(sql, lease, id);
  }
}

/** Deletes a dead letter, unless the lease was lost. */
async function deleteAsOwner(sql: Sql, lease: Lease, id: string): Promise<void> {
  await transaction(sql, {}, async (tx) => {
    await assertLease(tx, lease);
    await deleteDeadLetter(tx, id);
  });
}

/** Keeps the lease from being taken until the transaction ends. */
async function assertLease(tx: TransactionSql, lease: Lease): Promise<void> {
  const rows = await tx`
    SELECT FROM events.stream_lease
    WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}
    FOR UPDATE`;
  if (rows.length === 0) throw new LeaseLostError(lease);
}
