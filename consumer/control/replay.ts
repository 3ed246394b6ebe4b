import { type Entry, parseEntryId } from "@events-pipeline/common";
import type { Sql, TransactionSql } from "postgres";
import type { ConsumerKey } from "../consumer_state.ts";
import { lockLease } from "./lock_lease.ts";

/** What {@linkcode queueReplay} has done. */
export interface QueuedReplay {
  /** How many events wait to be handled once more. */
  readonly queued: number;
  /** How many were left out, since the consumer has not come so far: it handles them in their turn. */
  readonly ahead: number;
}

/**
 * Has events of a consumer's stream handled once more, by its running worker, in the order of the stream. They go the way of dead letters
 * that are redriven: each is handled in a transaction that takes it off the queue, so that its effect comes once, whoever is killed; one
 * that fails stays as a dead letter. Checkpoint, dedup rows and other events are left as they are. One that the consumer has set aside
 * is redriven.
 *
 * @param tx a transaction, in which the caller notes how far the replay has come
 * @throws {UnknownConsumerError} the consumer has never begun
 */
export async function queueReplay(
  tx: TransactionSql,
  { consumer, stream }: ConsumerKey,
  entries: readonly Entry[],
): Promise<QueuedReplay> {
  const { checkpoint } = await lockLease(tx, { consumer, stream });
  const { position } = parseEntryId(checkpoint);
  const past = entries.filter(({ entryId }) => parseEntryId(entryId).position <= position);
  await tx`
    INSERT INTO events.dead_letter
      (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at, metadata, payload, reason, error,
       attempts, redrive_requested_at, replayed_at)
    SELECT ${consumer}, ${stream}, split_part(e.entry_id, '-', 2)::bigint, e.entry_id, e.event_id, e.event_type, e.sent_at,
           e.metadata::json, e.payload::json, 'It was replayed', '', 0, clock_timestamp(), clock_timestamp()
    FROM unnest(${past.map((entry) => entry.entryId)}::text[], ${past.map((entry) => entry.eventId)}::text[]::uuid[],
                ${past.map((entry) => entry.eventType)}::text[], ${
    past.map((entry) => entry.time)
  }::text[]::timestamptz[],
                ${past.map((entry) => entry.metadata)}::text[], ${past.map((entry) => entry.payload)}::text[])
      AS e(entry_id, event_id, event_type, sent_at, metadata, payload)
    ON CONFLICT (consumer_name, event_id) DO UPDATE SET redrive_requested_at = clock_timestamp()`;
  return { queued: past.length, ahead: entries.length - past.length };
}

/** How many events wait for a consumer's worker: replayed ones, and dead letters that are redriven. */
export async function countReplaying(sql: Sql, { consumer, stream }: ConsumerKey): Promise<number> {
  const [row] = await sql<{ waiting: number }[]>`
    SELECT count(*)::float8 AS waiting FROM events.dead_letter
    WHERE consumer_name = ${consumer} AND stream_name = ${stream} AND redrive_requested_at IS NOT NULL`;
  return row!.waiting;
}

/** How many events of a range of positions have failed when they were replayed, and are dead letters now. */
export async function countFailedReplays(
  sql: Sql,
  { consumer, stream }: ConsumerKey,
  range: { readonly first: number; readonly last: number },
): Promise<number> {
  const [row] = await sql<{ failed: number }[]>`
    SELECT count(*)::float8 AS failed FROM events.dead_letter
    WHERE consumer_name = ${consumer} AND stream_name = ${stream} AND redrive_requested_at IS NULL
      AND replayed_at IS NOT NULL AND stream_position BETWEEN ${range.first}::bigint AND ${range.last}::bigint`;
  return row!.failed;
}
