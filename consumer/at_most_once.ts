import type { Lease } from "@events-pipeline/common/lease";
import { firstOfEach, readHandled, saveProgress } from "./checkpoint.ts";
import { groupsOf } from "./at_least_once.ts";
import { concurrently } from "./concurrently.ts";
import type { Batch, ExecutorContext } from "./executor.ts";
import { handleEntry } from "./run_handler.ts";

/**
 * Notes each entry as done, and handles it then, outside of any transaction. A crash in between loses it; a failure is told, and not
 * tried again.
 *
 * @throws {LeaseLostError} another worker has taken over, and will handle what was not noted
 */
export async function executeAtMostOnce(context: ExecutorContext, lease: Lease, batch: Batch): Promise<void> {
  const { sql, consumer, leaseMs, onDone, onGivenUp } = context;
  const { handler, concurrency } = consumer;
  if (handler.kind !== "outside") throw new TypeError("Cannot handle at most once inside of a transaction");
  const call = { ...context, attempt: batch.attempt };
  let before = batch.after;
  for (const group of groupsOf(context, batch.entries, concurrency)) {
    if (before !== batch.after && batch.until.aborted) return;
    context.signal.throwIfAborted();
    const wanted = group.filter((entry) => consumer.events.has(entry.eventType));
    const handled = await readHandled(sql, consumer.name, wanted);
    const todo = firstOfEach(wanted).filter((entry) => !handled.has(entry.eventId));
    const checkpoint = group.at(-1)!.entryId;
    const progress = { consumer: consumer.name, before, checkpoint, handled: todo, leaseMs };
    await saveProgress(sql, lease, progress, { inWork: false });
    onDone(checkpoint, todo.length);
    before = checkpoint;
    await concurrently(
      todo,
      concurrency,
      (entry) => handleEntry(call, entry, handler.handle).catch(onGivenUp),
    );
  }
}
