import { compareEntryIds, type Entry, parseEntryId } from "@events-pipeline/common";
import type { TransactionSql } from "postgres";
import { appendEntries, setLastId } from "./append_script.ts";
import { markEventsPublished, readPublished } from "./outbox_rows.ts";
import { saveCheckpoint } from "./publisher_checkpoint.ts";
import type { RoundContext } from "./round.ts";
import { readRetention, recordLoss, type StreamLoss } from "./stream_retention.ts";
import { readEntriesAfter } from "./stream_range.ts";

/**
 * The stream holds entries that this outbox did not send: something else writes to it, or the database was restored from a backup
 * that is older than the stream.
 */
export class ForeignEntryError extends Error {
  override readonly name = "ForeignEntryError";
}

/** Where the outbox and the stream disagree. */
export interface Mismatch {
  readonly stream: string;
  /** The last entry id that the outbox knows of. */
  readonly checkpoint: string;
  /** The last entry id of the stream. */
  readonly actual: string;
}

/**
 * Brings a stream and the outbox one step closer, in the transaction that holds the stream's checkpoint.
 *
 * @throws {ForeignEntryError} the stream holds entries that the outbox does not know
 */
export async function repairStream(context: RoundContext, tx: TransactionSql, mismatch: Mismatch): Promise<"repaired"> {
  const ahead = compareEntryIds(mismatch.actual, mismatch.checkpoint) > 0;
  await (ahead ? adoptEntries : refillEntries)(context, tx, mismatch);
  return "repaired";
}

/** The stream is ahead: a batch was appended and its commit was lost. Marks what is in the stream as published. */
async function adoptEntries(context: RoundContext, tx: TransactionSql, mismatch: Mismatch): Promise<void> {
  const { stream, checkpoint } = mismatch;
  const entries = await readEntriesAfter(context.redis, stream, checkpoint, context.limits.rows);
  const last = entries.at(-1)?.entryId ?? (context.acceptForeign === true ? mismatch.actual : undefined);
  if (last === undefined) {
    throw new ForeignEntryError(
      `Cannot publish to ${stream}: its last id is ${mismatch.actual}, after the outbox's ${checkpoint}, yet it holds no ` +
        `entry in between. Entries were deleted, or another outbox wrote them`,
    );
  }
  if (context.replicaWait !== undefined) {
    // Perhaps the batch was not committed because too few replicas had it. Its writes were made on another connection, or by another
    // publisher, so one more write is made here whose arrival tells that they have arrived.
    const lastId = mismatch.actual;
    if (!await setLastId(context.redis, stream, { expected: lastId, lastId }, context.replicaWait)) return;
  }
  const known = await markEventsPublished(tx, stream, entries);
  if (context.acceptForeign === true) refuseUncounted(mismatch, [...entries.map((entry) => entry.entryId), last]);
  else refuseForeign(mismatch, entries, known);
  await saveCheckpoint(tx, stream, last);
  context.onRepair({ kind: "adopted", stream, events: known, upTo: last, foreign: entries.length - known });
}

/** Positions that go back would be given out again: the outbox could never mark their rows. */
function refuseUncounted({ stream, checkpoint }: Mismatch, entryIds: readonly string[]): void {
  let { position } = parseEntryId(checkpoint);
  for (const entryId of entryIds) {
    const next = parseEntryId(entryId).position;
    if (next < position || (next === position && entryId !== entryIds.at(-1))) {
      throw new ForeignEntryError(
        `Cannot accept ${entryId} of ${stream}: its position is ${next} and must come after ${position}. No publisher wrote it: ` +
          `delete it with XDEL, and set the stream's last id back with 'XSETID ${stream} <id of the last entry that is right>'`,
      );
    }
    position = next;
  }
}

function refuseForeign({ stream, checkpoint }: Mismatch, entries: readonly Entry[], known: number): void {
  let position = parseEntryId(checkpoint).position;
  const dense = entries.every((entry) => parseEntryId(entry.entryId).position === ++position);
  if (dense && known === entries.length) return;
  throw new ForeignEntryError(
    `Cannot publish to ${stream}: ${entries.length - known} of its entries from ${entries[0]!.entryId} to ` +
      `${
        entries.at(-1)!.entryId
      } are not from this outbox. If the database was restored from a backup, accept them with ` +
      `'deno task publisher --accept-foreign ${stream}'; otherwise stop what writes to the stream`,
  );
}

/** The stream is behind: Redis lost data. Puts published rows back under the ids they had. */
async function refillEntries(context: RoundContext, tx: TransactionSql, mismatch: Mismatch): Promise<void> {
  const { stream, checkpoint, actual } = mismatch;
  const { trimmedTo } = await readRetention(tx, stream);
  const upTo = parseEntryId(checkpoint).position;
  const after = Math.max(parseEntryId(actual).position, trimmedTo);
  await refuseDiverged(tx, mismatch);
  const rows = await readPublished(tx, stream, { after, upTo }, context.limits);
  const losses: StreamLoss[] = [];
  let position = after;
  for (const next of rows.length === 0 ? [upTo + 1] : rows.map((row) => parseEntryId(row.entryId).position)) {
    if (next > position + 1) losses.push({ stream, first: position + 1, last: next - 1 });
    position = next;
  }
  for (const loss of losses) await recordLoss(tx, loss);
  const tellLosses = (): void => {
    for (const loss of losses) {
      context.onRepair({ kind: "lost", ...loss, events: loss.last - loss.first + 1, after: actual });
    }
  };
  const last = rows.at(-1);
  if (last === undefined) {
    // Nothing can be put back, so the stream is told where it ends: the next event follows without a doubt.
    if (await setLastId(context.redis, stream, { expected: actual, lastId: checkpoint }, context.replicaWait)) {
      tellLosses();
    }
    return;
  }
  const entries = rows.map((row) => ({ ...row.envelope, entryId: row.entryId }));
  const outcome = await appendEntries(context.redis, stream, actual, entries, context.replicaWait);
  if (outcome.kind === "mismatch") return; // Redis lost more meanwhile, or another publisher was here: look again.
  tellLosses();
  const remaining = upTo - parseEntryId(last.entryId).position;
  context.onRepair({ kind: "refilled", stream, events: rows.length, upTo: last.entryId, remaining });
}

/**
 * What is left of the stream must end as the outbox remembers it. It does not when an append that was sent before the loss, by a publisher
 * that was paused or cut off meanwhile, has found the stream as it expected it.
 */
async function refuseDiverged(tx: TransactionSql, { stream, actual }: Mismatch): Promise<void> {
  const { position } = parseEntryId(actual);
  const [row] = await readPublished(tx, stream, { after: position - 1, upTo: position }, { rows: 1, bytes: 1 });
  if (row === undefined || row.entryId === actual) return;
  throw new ForeignEntryError(
    `Cannot refill ${stream}: it ends with ${actual}, and position ${position} was published as ${row.entryId}. Something wrote to it ` +
      `after it had lost entries: delete the key, and it is refilled as a whole`,
  );
}
