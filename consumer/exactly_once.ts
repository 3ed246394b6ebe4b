import type { Entry } from "@events-pipeline/common";
import type { Lease } from "@events-pipeline/common/lease";
import type { TransactionSql } from "postgres";
import { firstOfEach, readHandled, saveProgress } from "./checkpoint.ts";
import { concurrently } from "./concurrently.ts";
import type { Batch, ExecutorContext } from "./executor.ts";
import { handleEntries, handleEntry, type HandlerCall } from "./run_handler.ts";
import { workTransaction } from "./work_transaction.ts";

/** After so long, in milliseconds, a transaction takes no more events: one that is long holds its locks, and loses more when it fails. */
const TRANSACTION_MS = 500;

/**
 * Handles entries in one transaction: the handler for each event, then dedup rows and checkpoint in one statement. When the handlers take
 * their time, or it is to end, it commits those that are done.
 *
 * @throws {HandlerError} a handler failed; nothing of the worker's was changed
 * @throws {AlreadyHandledError} some of the events have been handled; nothing was changed
 * @throws {LeaseLostError} another worker has taken over; nothing was changed
 */
export async function executeExactlyOnce(context: ExecutorContext, lease: Lease, batch: Batch): Promise<void> {
  const { consumer, leaseMs, onDone } = context;
  const { entries, after, lookUp, until } = batch;
  const wanted = entries.filter((entry) => consumer.events.has(entry.eventType));
  const begun = performance.now();
  const enough = (): boolean => until.aborted || performance.now() - begun > TRANSACTION_MS;
  const done = await workTransaction(context, {
    entry: wanted[0] ?? entries[0]!,
    async handle(tx) {
      const handled = lookUp ? await readHandled(tx, consumer.name, wanted) : new Set();
      const todo = firstOfEach(wanted).filter((entry) => !handled.has(entry.eventId));
      const count = await handleAll({ ...context, attempt: batch.attempt }, todo, tx, enough);
      const next = todo[count];
      const checkpoint = (next === undefined ? entries.at(-1)! : entries[entries.indexOf(next) - 1]!).entryId;
      return { checkpoint, handled: todo.slice(0, count) };
    },
    save: (tx, { checkpoint, handled }) =>
      saveProgress(tx, lease, { consumer: consumer.name, before: after, checkpoint, handled, leaseMs }, {
        inWork: true,
      }),
  });
  onDone(done.checkpoint, done.handled.length);
}

/** Handles the first of the entries, until it is enough. @returns how many */
async function handleAll(
  call: HandlerCall,
  entries: readonly Entry[],
  tx: TransactionSql,
  enough: () => boolean,
): Promise<number> {
  const { handler, concurrency } = call.consumer;
  if (handler.kind === "batch") {
    await handleEntries(call, entries, (events, context) => handler.handle(events, context, tx));
    return entries.length;
  }
  if (handler.kind === "outside") throw new TypeError(`Cannot handle exactly once outside of a transaction`);
  const handle = (entry: Entry): Promise<void> =>
    handleEntry(call, entry, (event, context) => handler.handle(event, context, tx));
  return await concurrently(entries, concurrency, handle, enough);
}
