import { describeError, type Logger } from "@events-pipeline/common/logger";
import { sleep } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";

/** Rows a batch. */
const BATCH = 1_000;

/** How often dedup rows are pruned, in milliseconds. */
const PRUNE_MS = 5 * 60_000;

/** What {@linkcode keepPruned} works with. */
export interface PruneOptions {
  /** The pool on the consumers' database. */
  readonly sql: Sql;
  /** How long dedup rows are kept, in milliseconds. */
  readonly keepMs: number;
  /** Where failures are told. */
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Prunes a consumer's dedup rows from time to time, until the signal fires. */
export async function keepPruned(consumer: string, { sql, keepMs, logger, signal }: PruneOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      while (!signal.aborted && (await pruneProcessed(sql, consumer, keepMs)).more);
    } catch (error) {
      logger.warn("Cannot prune what was handled long ago", { consumer, error: describeError(error) });
    }
    await sleep(PRUNE_MS * (0.9 + 0.2 * Math.random()), signal);
  }
}

/**
 * Deletes a batch of a consumer's dedup rows that are older than a time, and that its checkpoint is past. Rows do not say which stream they
 * are of; so when it has read several, those go that every one of its checkpoints is past.
 *
 * @returns how many went; fewer than 1,000 when no more is due
 */
export async function pruneProcessed(
  sql: Sql,
  consumer: string,
  keepMs: number,
): Promise<{ readonly rows: number; readonly more: boolean }> {
  const { count } = await sql`
    DELETE FROM events.processed_event WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM events.processed_event
      WHERE consumer_name = ${consumer} AND processed_at < clock_timestamp() - ${keepMs} * interval '1 millisecond'
        AND coalesce(stream_position, 0) <= (
          SELECT min(split_part(checkpoint, '-', 2)::bigint) FROM events.stream_lease
          WHERE role = ${`consumer:${consumer}`})
      ORDER BY processed_at LIMIT ${BATCH}))`;
  return { rows: count, more: count === BATCH };
}
