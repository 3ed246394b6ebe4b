import { type Entry, entryMs, formatEntryId, parseEntryId } from "@events-pipeline/common";
import type { Logger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql, TransactionSql } from "postgres";
import { appendEntries } from "./append_script.ts";
import { type BatchLimits, markPublished, type OutboxRow, readUnpublished } from "./outbox_rows.ts";
import { lockCheckpoint, saveCheckpoint } from "./publisher_checkpoint.ts";
import { repairStream } from "./repair.ts";

/** What a batch works with. */
export interface BatchContext {
  /** The pool on the producers' database. */
  readonly sql: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
  /** How much a batch may take. */
  readonly limits: BatchLimits;
  /** How long the server lets a paused publisher hold a stream, in milliseconds. */
  readonly idleLimitMs: number;
  /** Where repairs are told. */
  readonly logger: Logger;
  /** The clock, in Unix milliseconds. */
  readonly now: () => number;
}

/** What a batch did. */
export type BatchOutcome =
  /** Another publisher has the stream. */
  | { readonly kind: "busy" }
  /** The stream and the checkpoint differed, and are closer now: call again. */
  | { readonly kind: "repaired" }
  /** So many events are in the stream now; 0 when none was waiting. */
  | { readonly kind: "published"; readonly events: number };

/**
 * Publishes one batch of one stream, in one transaction: lock the checkpoint, read the rows, append them if the stream ends where
 * the checkpoint says, mark the rows, move the checkpoint. Whatever step a crash comes at, the next batch sees by the
 * stream's last id what happened, and either finds the rows unpublished or repairs.
 */
export async function publishBatch(context: BatchContext, stream: string): Promise<BatchOutcome> {
  return await context.sql.begin(async (tx): Promise<BatchOutcome> => {
    const checkpoint = await lockCheckpoint(tx, stream, context.idleLimitMs);
    if (checkpoint === undefined) return { kind: "busy" };
    const rows = await readUnpublished(tx, stream, context.limits);
    const entries = numberEntries(rows, checkpoint, context.now());
    const outcome = await appendEntries(context.redis, stream, checkpoint, entries);
    if (outcome.kind === "appended") return await recordPublished(tx, stream, rows, entries);
    const repair = await repairStream(context, tx, { stream, checkpoint, actual: outcome.actual });
    if (repair === "repaired") return { kind: "repaired" };
    // Nothing is left that could be put back: go on after the hole.
    const next = await appendEntries(context.redis, stream, outcome.actual, entries);
    if (next.kind === "mismatch") return { kind: "repaired" };
    return await recordPublished(tx, stream, rows, entries);
  });
}

/** Gives rows the ids that follow the checkpoint: positions without a hole, times that never fall. */
function numberEntries(rows: readonly OutboxRow[], checkpoint: string, now: number): Entry[] {
  const last = parseEntryId(checkpoint);
  const ms = entryMs(last, now);
  return rows.map((row, i) => ({
    ...row.envelope,
    entryId: formatEntryId({ ms, position: last.position + 1 + i }),
  }));
}

async function recordPublished(
  tx: TransactionSql,
  stream: string,
  rows: readonly OutboxRow[],
  entries: readonly Entry[],
): Promise<BatchOutcome> {
  const last = entries.at(-1);
  if (last !== undefined) {
    await Promise.all([
      markPublished(tx, rows, entries.map((entry) => entry.entryId)),
      saveCheckpoint(tx, stream, last.entryId),
    ]);
  }
  return { kind: "published", events: entries.length };
}
