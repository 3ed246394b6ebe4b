import type { Entry } from "@events-pipeline/common";
import { type ExecutorContext, limitsOf } from "./executor.ts";
import { HandlerError } from "./run_handler.ts";

/** A handler was silent in its transaction for so long that the database has cut it off. */
export class HandlerSilentError extends Error {
  override readonly name = "HandlerSilentError";
}

/** SQLSTATE's idle_in_transaction_session_timeout. */
const IDLE_LIMIT = "25P03";

/**
 * Does work in which the database may cut off a handler that is silent for too long. That is the loss of a connection; but it comes again
 * with every attempt, so it has to count as a failure of the handler, and other losses must not.
 *
 * @param entry the event that the failure is put down to
 * @throws {HandlerError} the database has ended the session for its silence, and the work had taken so long
 */
export async function noticeSilence<T>(context: ExecutorContext, entry: Entry, act: () => Promise<T>): Promise<T> {
  const { consumer } = context;
  const begun = performance.now();
  try {
    return await act();
  } catch (error) {
    const { idleMs } = limitsOf(context);
    const isSilence = error instanceof Error && "code" in error && error.code === IDLE_LIMIT;
    // A process that was paused finds the same; but then it has lost its lease as well, and that counts.
    if (!isSilence || performance.now() - begun < idleMs) throw error;
    const text = `The handler was silent in its transaction for longer than ${idleMs} ms, and the database cut it off`;
    throw new HandlerError(consumer, entry, new HandlerSilentError(text, { cause: error }));
  }
}
