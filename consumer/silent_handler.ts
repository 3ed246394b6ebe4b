import { isConnectionLoss } from "@events-pipeline/common/retry";
import { type Batch, type ExecutorContext, limitsOf } from "./executor.ts";
import { HandlerError } from "./run_handler.ts";

/** A handler was silent in its transaction for so long that the database has cut it off. */
export class HandlerSilentError extends Error {
  override readonly name = "HandlerSilentError";
}

/**
 * Does work in which the database may cut off a handler that is silent for too long. That looks like a lost connection; but it comes
 * again with every attempt, so it has to count as a failure of the handler.
 *
 * @throws {HandlerError} a connection was lost, and the work had taken longer than a handler may be silent
 */
export async function noticeSilence(context: ExecutorContext, batch: Batch, act: () => Promise<void>): Promise<void> {
  const { consumer } = context;
  const begun = performance.now();
  try {
    await act();
  } catch (error) {
    const { idleMs } = limitsOf(context);
    const wanted = batch.entries.find(({ eventType }) => consumer.events.has(eventType));
    if (!isConnectionLoss(error) || performance.now() - begun < idleMs || wanted === undefined) throw error;
    const text = `The handler was silent in its transaction for longer than ${idleMs} ms, and the database cut it off`;
    throw new HandlerError(consumer, wanted, new HandlerSilentError(text, { cause: error }));
  }
}
