import { describeError } from "@events-pipeline/common/logger";
import { type Lease, LeaseLostError } from "@events-pipeline/common/lease";
import { transaction } from "@events-pipeline/common/transaction";
import type { TransactionSql } from "postgres";
import { beginWork } from "./checkpoint.ts";
import { deleteDeadLetter, type Redrive, returnDeadLetter, takeRedrive } from "./dead_letters.ts";
import { type ExecutorContext, limitsOf } from "./executor.ts";
import { handleEntries, handleEntry, type HandlerCall, HandlerError } from "./run_handler.ts";

/**
 * Handles the first dead letter, in stream order, that somebody wants to be handled again. When that fails, it goes back to the others.
 *
 * @returns whether there was one
 * @throws {LeaseLostError} another worker has taken over; nothing was changed
 */
export async function redriveNext(context: ExecutorContext, lease: Lease): Promise<boolean> {
  const { sql, consumer, logger } = context;
  const key = { consumer: consumer.name, stream: consumer.stream };
  let taken: Redrive | undefined;
  try {
    await transaction(sql, {}, async (tx) => {
      await beginWork(tx, { consumer: consumer.name, ...limitsOf(context) });
      taken = await takeRedrive(tx, key);
      if (taken === undefined) return;
      await assertLease(tx, lease);
      // A replay brings a whole range of the stream; what the consumer set aside it wanted.
      if (!taken.replayed || consumer.events.has(taken.entry.eventType)) {
        await handleAgain({ ...context, attempt: taken.attempts + 1 }, taken, tx);
      }
      await deleteDeadLetter(tx, taken.id);
    });
  } catch (error) {
    if (!(error instanceof HandlerError) || taken === undefined) throw error;
    const reason = describeError(error.cause);
    logger.error("A dead letter failed again", { consumer: consumer.name, event: taken.entry.eventId, error: reason });
    await returnDeadLetter(sql, taken.id, reason);
    return true;
  }
  if (taken !== undefined) {
    const fields = { consumer: consumer.name, event: taken.entry.eventId };
    if (taken.replayed) logger.debug("Handled a replayed event", fields);
    else logger.info("Handled a dead letter", fields);
  }
  return taken !== undefined;
}

async function handleAgain(call: HandlerCall, { entry }: Redrive, tx: TransactionSql): Promise<void> {
  const { handler } = call.consumer;
  if (handler.kind === "batch") {
    await handleEntries(call, [entry], (events, context) => handler.handle(events, context, tx));
  } else if (handler.kind === "outside") await handleEntry(call, entry, handler.handle);
  else await handleEntry(call, entry, (event, context) => handler.handle(event, context, tx));
}

/** Keeps the lease from being taken until the transaction ends. */
async function assertLease(tx: TransactionSql, lease: Lease): Promise<void> {
  const rows = await tx`
    SELECT FROM events.stream_lease
    WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}
    FOR UPDATE`;
  if (rows.length === 0) throw new LeaseLostError(lease);
}
