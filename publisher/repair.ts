import { compareEntryIds, parseEntryId } from "@events-pipeline/common";
import type { TransactionSql } from "postgres";
import { appendEntries } from "./append_script.ts";
import type { BatchContext } from "./batch.ts";
import { markEventsPublished, readPublished } from "./outbox_rows.ts";
import { saveCheckpoint } from "./publisher_checkpoint.ts";
import { readEntriesAfter } from "./stream_range.ts";

/** The stream holds entries that this outbox did not send: a stream belongs to one outbox database. */
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
 * @returns `repaired`, or `unrepairable` when the stream has lost entries that the outbox no longer holds
 * @throws {ForeignEntryError} something else writes to the stream
 */
export async function repairStream(
  context: BatchContext,
  tx: TransactionSql,
  mismatch: Mismatch,
): Promise<"repaired" | "unrepairable"> {
  if (compareEntryIds(mismatch.actual, mismatch.checkpoint) > 0) {
    await adoptEntries(context, tx, mismatch);
    return "repaired";
  }
  return await refillEntries(context, tx, mismatch);
}

/** The stream is ahead: a batch was appended and its commit was lost. Marks what is in the stream as published. */
async function adoptEntries(context: BatchContext, tx: TransactionSql, mismatch: Mismatch): Promise<void> {
  const { stream, checkpoint } = mismatch;
  const entries = await readEntriesAfter(context.redis, stream, checkpoint, context.limits.rows);
  const last = entries.at(-1);
  if (last === undefined) {
    throw new ForeignEntryError(
      `Cannot publish to ${stream}: its last id is ${mismatch.actual}, after the outbox's ${checkpoint}, yet it holds no ` +
        `entry in between. Entries were deleted, or another outbox wrote them`,
    );
  }
  let position = parseEntryId(checkpoint).position;
  for (const entry of entries) {
    if (parseEntryId(entry.entryId).position !== ++position) {
      throw foreign(stream, entry.entryId, `expected ${position}`);
    }
  }
  const adopted = await markEventsPublished(tx, stream, entries);
  if (adopted !== entries.length) {
    throw foreign(stream, entries[0]!.entryId, `${entries.length - adopted} of ${entries.length} entries are unknown`);
  }
  await saveCheckpoint(tx, stream, last.entryId);
  context.logger.info("Adopted entries whose commit was lost", { stream, events: adopted, upTo: last.entryId });
}

function foreign(stream: string, entryId: string, detail: string): ForeignEntryError {
  return new ForeignEntryError(
    `Cannot publish to ${stream}: entry ${entryId} or one after it is not from this outbox (${detail}). ` +
      `A stream belongs to one outbox database`,
  );
}

/** The stream is behind: Redis lost data. Puts published rows back under the ids they had. */
async function refillEntries(
  context: BatchContext,
  tx: TransactionSql,
  mismatch: Mismatch,
): Promise<"repaired" | "unrepairable"> {
  const { stream, checkpoint, actual } = mismatch;
  const range = { after: parseEntryId(actual).position, upTo: parseEntryId(checkpoint).position };
  const rows = await readPublished(tx, stream, range, context.limits);
  const first = rows[0] === undefined ? range.upTo + 1 : parseEntryId(rows[0].entryId).position;
  if (first > range.after + 1) {
    context.logger.error("Redis lost entries that the outbox no longer holds", {
      stream,
      events: first - range.after - 1,
      after: actual,
      before: rows[0]?.entryId ?? `the entry after ${checkpoint}`,
    });
  }
  if (rows.length === 0) return "unrepairable";
  await appendEntries(context.redis, stream, actual, rows.map((row) => ({ ...row.envelope, entryId: row.entryId })));
  const done = parseEntryId(rows.at(-1)!.entryId).position;
  context.logger.warn("Refilled a stream that lost entries", {
    stream,
    events: rows.length,
    remaining: range.upTo - done,
  });
  return "repaired";
}
