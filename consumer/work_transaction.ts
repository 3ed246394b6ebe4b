import type { Entry } from "@events-pipeline/common";
import { isTransient } from "@events-pipeline/common/retry";
import { SharedTransactionError, transaction, TransactionControlError } from "@events-pipeline/common/transaction";
import type { TransactionSql } from "postgres";
import { beginWork, TransactionEndedError } from "./checkpoint.ts";
import { type ExecutorContext, limitsOf } from "./executor.ts";
import { HandlerError } from "./run_handler.ts";

/** What is done in one transaction. */
export interface Work<T> {
  /** The event that a failure is put down to which no handler has thrown. */
  readonly entry: Entry;
  /** Runs the handlers. */
  handle(tx: TransactionSql): Promise<T>;
  /** Sends the one statement behind them, which fails, so that nothing is committed, unless lease and transaction are still this worker's. */
  save(tx: TransactionSql, handled: T): Promise<void>;
}

/**
 * Runs handlers in a transaction of the worker's.
 *
 * What surrounds the handlers waits for nothing: the first statement of a handler follows the beginning of the work, and COMMIT follows
 * the last statement, on its heels. When that fails, COMMIT rolls back.
 *
 * @throws {HandlerError} a handler threw, ended the transaction, or passed over a failure; nothing of the worker's was changed
 */
export async function workTransaction<T>(context: ExecutorContext, work: Work<T>): Promise<T> {
  const { sql, consumer } = context;
  let saved: Promise<PromiseSettledResult<void>> | undefined;
  let result: T;
  // When a handler has ended the transaction, postgres.js may wait for its own COMMIT for ever.
  const endedByHandler = Promise.withResolvers<never>();
  try {
    const running = transaction(sql, { shared: consumer.concurrency > 1 }, async (tx) => {
      const begun = settled(beginWork(tx, { consumer: consumer.name, ...limitsOf(context) }));
      try {
        result = await work.handle(tx);
        const saving = work.save(tx, result);
        saving.catch((error) => error instanceof TransactionEndedError && endedByHandler.reject(error));
        saved = settled(saving);
      } catch (error) {
        throwIfRejected(await begun); // If that failed, the handler's statements failed for no fault of its own.
        throw error;
      }
    });
    await Promise.race([running, endedByHandler.promise]);
  } catch (error) {
    throw saved !== undefined && isOfHandlers(error) ? new HandlerError(consumer, work.entry, error) : error;
  }
  const end = await saved!;
  if (end.status === "rejected") {
    if (!isAborted(end.reason)) throw end.reason;
    const message = "A statement of the handler failed, and the handler did not wait for it: await every query";
    throw new HandlerError(consumer, work.entry, new Error(message, { cause: end.reason }));
  }
  return result!;
}

/**
 * Whether a failure that no handler threw is theirs nevertheless: one has ended the transaction, or passed over the failure of a
 * statement, or COMMIT finds a constraint violated. What may pass by itself is not.
 */
function isOfHandlers(error: unknown): boolean {
  if (
    error instanceof TransactionEndedError || error instanceof TransactionControlError ||
    error instanceof SharedTransactionError
  ) return true;
  if (!(error instanceof Error) || !("code" in error)) return false;
  const isSqlState = /^[0-9A-Z]{5}$/.test(String(error.code));
  return isSqlState && (!isTransient(error) || error.code === QUERY_CANCELED);
}

/** SQLSTATE's query_canceled: a statement took longer than it may. */
const QUERY_CANCELED = "57014";

/** Whether a statement was refused since an earlier one of the transaction has failed (SQLSTATE's in_failed_sql_transaction). */
function isAborted(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "25P02";
}

/** The end of something that nobody need wait for at once. */
async function settled<T>(running: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [end] = await Promise.allSettled([running]);
  return end;
}

function throwIfRejected(end: PromiseSettledResult<unknown>): void {
  if (end.status === "rejected") throw end.reason;
}
