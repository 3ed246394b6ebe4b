import type { Sql } from "postgres";
import type { ConsumerKey } from "../consumer_state.ts";

/**
 * Has a consumer stop before its next batch, in whatever process it runs, within a second. It stays paused over restarts.
 *
 * @returns whether it was not paused before
 */
export async function pauseConsumer(sql: Sql, { consumer, stream }: ConsumerKey): Promise<boolean> {
  const { count } = await sql`
    INSERT INTO events.consumer_state AS s (consumer_name, stream_name, paused_at)
    VALUES (${consumer}, ${stream}, clock_timestamp())
    ON CONFLICT (consumer_name, stream_name) DO UPDATE SET paused_at = excluded.paused_at WHERE s.paused_at IS NULL`;
  return count > 0;
}

/**
 * Has a paused consumer go on where it was, within a second.
 *
 * @returns whether it was paused
 */
export async function resumeConsumer(sql: Sql, { consumer, stream }: ConsumerKey): Promise<boolean> {
  const { count } = await sql`
    UPDATE events.consumer_state SET paused_at = NULL
    WHERE consumer_name = ${consumer} AND stream_name = ${stream} AND paused_at IS NOT NULL`;
  return count > 0;
}
