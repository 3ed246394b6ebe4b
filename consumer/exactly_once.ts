import type { Entry } from "@events-pipeline/common";
import { type Lease, LeaseLostError } from "@events-pipeline/common/lease";
import { transaction } from "@events-pipeline/common/transaction";
import type { TransactionSql } from "postgres";
import { AlreadyHandledError, readHandled, saveProgress } from "./checkpoint.ts";
import type { Consumer } from "./define_consumer.ts";
import type { Batch, ExecutorContext } from "./executor.ts";
import { handleEntries, handleEntry, type HandlerCall, HandlerError } from "./run_handler.ts";

/** A handler ended the transaction, which belongs to the worker. */
export class TransactionEndedError extends Error {
  override readonly name = "TransactionEndedError";

  constructor(consumer: Consumer) {
    super(
      `Cannot finish the transaction of '${consumer.name}': the handler committed it or rolled it back. ` +
        `The transaction belongs to the worker: throw to roll back`,
    );
  }
}

/**
 * Handles entries in one transaction: the handler for each event, then dedup rows and checkpoint in one statement that changes
 * nothing unless the lease and the transaction are still this worker's.
 *
 * @throws {HandlerError} a handler threw; nothing was changed
 * @throws {AlreadyHandledError} some of the events have been handled; nothing was changed
 * @throws {LeaseLostError} another worker has taken over; nothing was changed
 */
export async function executeExactlyOnce(context: ExecutorContext, lease: Lease, batch: Batch): Promise<void> {
  const { sql, consumer, leaseMs } = context;
  const { entries, lookUp } = batch;
  const wanted = entries.filter((entry) => consumer.events.has(entry.eventType));
  const checkpoint = entries.at(-1)!.entryId;
  await transaction(sql, {}, async (tx) => {
    const xactId = await beginWork(tx, context);
    const handled = lookUp ? await readHandled(tx, consumer.name, wanted) : new Set();
    const todo = wanted.filter((entry) => !handled.has(entry.eventId));
    await handleAll({ ...context, attempt: batch.attempt }, todo, tx);
    const end = await saveProgress(tx, lease, { consumer: consumer.name, checkpoint, handled: todo, leaseMs }, xactId);
    if (end.advanced && end.recorded === todo.length) return;
    if (end.xactId !== xactId) throw new HandlerError(consumer, entries[0]!, new TransactionEndedError(consumer));
    throw end.advanced ? new AlreadyHandledError() : new LeaseLostError(lease);
  });
}

/**
 * Bounds what the server lets the session do while its worker is paused or gone: a successor would wait for its locks.
 *
 * @returns the transaction's id: a handler that ends it begins another one
 */
async function beginWork(tx: TransactionSql, { consumer, leaseMs }: ExecutorContext): Promise<string> {
  const limited = consumer.timeoutMs !== Infinity;
  const idleMs = limited ? Math.max(leaseMs, consumer.timeoutMs) : leaseMs;
  const [row] = await tx<{ xact_id: string }[]>`
    SELECT pg_current_xact_id()::text AS xact_id,
           set_config('idle_in_transaction_session_timeout', ${String(Math.ceil(idleMs))}, true),
           CASE WHEN ${limited} THEN set_config('statement_timeout', ${
    limited ? String(Math.ceil(consumer.timeoutMs)) : "0"
  }, true) END`;
  return row!.xact_id;
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
