import { parseEntryId } from "@events-pipeline/common";
import type { Sql } from "postgres";

/** Rows a batch. */
const BATCH = 1_000;

/**
 * Deletes a batch of a consumer's dedup rows that are older than a time, and that its checkpoint is past.
 *
 * @returns how many went; fewer than 1,000 when no more is due
 */
export async function pruneProcessed(
  sql: Sql,
  consumer: string,
  checkpoint: string,
  keepMs: number,
): Promise<{ readonly rows: number; readonly more: boolean }> {
  const { count } = await sql`
    DELETE FROM events.processed_event WHERE ctid = ANY(ARRAY(
      SELECT ctid FROM events.processed_event
      WHERE consumer_name = ${consumer} AND processed_at < clock_timestamp() - ${keepMs} * interval '1 millisecond'
        AND coalesce(stream_position, 0) <= ${parseEntryId(checkpoint).position}
      ORDER BY processed_at LIMIT ${BATCH}))`;
  return { rows: count, more: count === BATCH };
}
