import { deferred } from "@events-pipeline/common/deferred";
import type { Entry } from "@events-pipeline/common";
import type { Lease } from "@events-pipeline/common/lease";
import { transaction } from "@events-pipeline/common/transaction";
import type { TransactionSql } from "postgres";
import { beginWork, readHandled, saveProgress, TransactionEndedError } from "./checkpoint.ts";
import { type Batch, type ExecutorContext, limitsOf } from "./executor.ts";
import { handleEntries, handleEntry, type HandlerCall, HandlerError } from "./run_handler.ts";

/**
 * Handles entries in one transaction: the handler for each event, then dedup rows and checkpoint in one statement that fails unless the
 * lease and the transaction are still this worker's.
 *
 * What surrounds the handlers waits for nothing: the first statement of a handler follows the beginning of the work, and COMMIT follows
 * that last statement, on its heels. When it fails, COMMIT rolls back.
 *
 * @throws {HandlerError} a handler threw, or ended the transaction; nothing of the worker's was changed
 * @throws {AlreadyHandledError} some of the events have been handled; nothing was changed
 * @throws {LeaseLostError} another worker has taken over; nothing was changed
 */
export async function executeExactlyOnce(context: ExecutorContext, lease: Lease, batch: Batch): Promise<void> {
  const { sql, consumer, leaseMs } = context;
  const { entries, lookUp } = batch;
  const wanted = entries.filter((entry) => consumer.events.has(entry.eventType));
  const checkpoint = entries.at(-1)!.entryId;
  let saved: Promise<PromiseSettledResult<void>> | undefined;
  // When a handler has ended the transaction, postgres.js may wait for its own COMMIT for ever.
  const endedByHandler = deferred<never>();
  try {
    const running = transaction(sql, {}, async (tx) => {
      const begun = settled(beginWork(tx, { consumer: consumer.name, ...limitsOf(context) }));
      try {
        const handled = lookUp ? await readHandled(tx, consumer.name, wanted) : new Set();
        const todo = wanted.filter((entry) => !handled.has(entry.eventId));
        await handleAll({ ...context, attempt: batch.attempt }, todo, tx);
        const progress = { consumer: consumer.name, checkpoint, handled: todo, leaseMs };
        const saving = saveProgress(tx, lease, progress, { inWork: true });
        saving.catch((error) => error instanceof TransactionEndedError && endedByHandler.reject(error));
        saved = settled(saving);
      } catch (error) {
        throwIfRejected(await begun); // If that failed, the handler's statements failed for no fault of its own.
        throw error;
      }
    });
    await Promise.race([running, endedByHandler.promise]);
    throwIfRejected(await saved!);
  } catch (error) {
    throw saved !== undefined && isOfHandlers(error) ? new HandlerError(consumer, entries[0]!, error) : error;
  }
}

/**
 * Whether a failure that no handler threw is theirs nevertheless: one has ended the transaction, or passed over the failure of a
 * statement, or COMMIT finds that data or constraints (SQLSTATE's classes 22, 23, 44 and P0) are violated.
 */
function isOfHandlers(error: unknown): boolean {
  if (error instanceof TransactionEndedError) return true;
  return error instanceof Error && "code" in error && /^(?:22|23|44|P0)...$/.test(String(error.code));
}

/** The end of something that nobody need wait for at once. */
async function settled<T>(running: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [end] = await Promise.allSettled([running]);
  return end;
}

function throwIfRejected(end: PromiseSettledResult<unknown>): void {
  if (end.status === "rejected") throw end.reason;
}

async function handleAll(call: HandlerCall, entries: readonly Entry[], tx: TransactionSql): Promise<void> {
  const { handler, concurrency } = call.consumer;
  if (handler.kind === "batch") {
    return await handleEntries(call, entries, (events, context) => handler.handle(events, context, tx));
  }
  if (handler.kind === "outside") throw new TypeError(`Cannot handle exactly once outside of a transaction`);
  const handle = (entry: Entry): Promise<void> =>
    handleEntry(call, entry, (event, context) => handler.handle(event, context, tx));
  if (concurrency === 1) {
    for (const entry of entries) await handle(entry);
    return;
  }
  await concurrently(entries, concurrency, handle);
}

/** Does `act` for each item, so many at once. When one fails it begins no more, waits for those under way, and throws the first failure. */
export async function concurrently<T>(
  items: readonly T[],
  limit: number,
  act: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, async () => {
    while (next < items.length && failures.length === 0) {
      await act(items[next++]!).catch((error) => failures.push(error));
    }
  }));
  if (failures.length > 0) throw failures[0];
}
