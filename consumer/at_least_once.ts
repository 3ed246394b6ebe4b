import type { Entry } from "@events-pipeline/common";
import type { Lease } from "@events-pipeline/common/lease";
import { firstOfEach, readHandled, saveProgress } from "./checkpoint.ts";
import { concurrently } from "./concurrently.ts";
import type { Batch, ExecutorContext } from "./executor.ts";
import { handleEntry } from "./run_handler.ts";

/**
 * Handles entries outside of any transaction, and notes each that is done after its handler. A crash in between repeats it.
 *
 * @throws {HandlerError} a handler threw; what came before it is noted
 * @throws {LeaseLostError} another worker has taken over, and will handle what was not noted
 */
export async function executeAtLeastOnce(context: ExecutorContext, lease: Lease, batch: Batch): Promise<void> {
  const { sql, consumer, leaseMs, onDone } = context;
  const { handler, concurrency } = consumer;
  if (handler.kind !== "outside") throw new TypeError("Cannot handle at least once inside of a transaction");
  const call = { ...context, attempt: batch.attempt };
  let before = batch.after;
  for (const group of groupsOf(context, batch.entries, concurrency)) {
    if (before !== batch.after && batch.until.aborted) return;
    const wanted = group.filter((entry) => consumer.events.has(entry.eventType));
    const handled = batch.lookUp ? await readHandled(sql, consumer.name, wanted) : new Set();
    const todo = firstOfEach(wanted).filter((entry) => !handled.has(entry.eventId));
    await concurrently(todo, concurrency, (entry) => handleEntry(call, entry, handler.handle));
    const checkpoint = group.at(-1)!.entryId;
    const progress = { consumer: consumer.name, before, checkpoint, handled: todo, leaseMs };
    await saveProgress(sql, lease, progress, { inWork: false });
    onDone(checkpoint, todo.length);
    before = checkpoint;
  }
}

/** Cuts entries into groups of so many that the consumer wants, with the unwanted ones around them. */
export function* groupsOf(
  { consumer }: Pick<ExecutorContext, "consumer">,
  entries: readonly Entry[],
  size: number,
): Generator<readonly Entry[]> {
  let group: Entry[] = [];
  let wanted = 0;
  for (const entry of entries) {
    const isWanted = consumer.events.has(entry.eventType);
    if (isWanted && wanted === size) {
      yield group;
      group = [];
      wanted = 0;
    }
    group.push(entry);
    if (isWanted) wanted++;
  }
  if (group.length > 0) yield group;
}
