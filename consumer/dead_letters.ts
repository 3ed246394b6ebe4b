import { type Entry, parseEntryId } from "@events-pipeline/common";
import type { Lease } from "@events-pipeline/common/lease";
import { transaction } from "@events-pipeline/common/transaction";
import type { Sql, TransactionSql } from "postgres";
import { beginWork, saveProgress } from "./checkpoint.ts";
import type { ConsumerKey } from "./consumer_state.ts";
import { errorText } from "./error_text.ts";

/** What is set aside, and why. */
export interface SettingAside {
  /** The event. */
  readonly entry: Entry;
  /** The checkpoint in front of it: an entry id. */
  readonly after: string;
  /** In words. */
  readonly reason: string;
  /** The last error. */
  readonly error: string;
  /** How often it was tried. */
  readonly attempts: number;
}

/**
 * Sets an event aside, in the transaction that moves the checkpoint past it.
 *
 * @throws {LeaseLostError} another worker has taken over; nothing was changed
 */
export async function setAside(
  sql: Sql,
  lease: Lease,
  { consumer, leaseMs }: { readonly consumer: string; readonly leaseMs: number },
  { entry, after, reason, error, attempts }: SettingAside,
): Promise<void> {
  await transaction(sql, {}, async (tx) => {
    await beginWork(tx, { consumer, idleMs: leaseMs, statementMs: Infinity });
    const progress = { consumer, before: after, checkpoint: entry.entryId, handled: [entry], leaseMs };
    await saveProgress(tx, lease, progress, { inWork: false });
    await tx`
      INSERT INTO events.dead_letter
        (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at, metadata, payload, reason, error,
         attempts)
      VALUES (${consumer}, ${entry.stream}, ${parseEntryId(entry.entryId).position}, ${entry.entryId}, ${entry.eventId},
              ${entry.eventType}, ${entry.time}, ${entry.metadata}::text::json, ${entry.payload}::text::json,
              ${errorText(reason)}, ${errorText(error)}, ${attempts})
      ON CONFLICT (consumer_name, event_id) DO UPDATE
      SET reason = excluded.reason, error = excluded.error, attempts = excluded.attempts,
          created_at = excluded.created_at, redrive_requested_at = NULL`;
  });
}

/** Dead letters of a consumer are counted up to this, so that many cost no more. */
export const COUNTED_DEAD_LETTERS = 10_000;

/** Counts the open dead letters of consumers, up to {@linkcode COUNTED_DEAD_LETTERS} each. @returns in the order of the consumers */
export async function countDeadLetters(sql: Sql, keys: readonly ConsumerKey[]): Promise<readonly number[]> {
  const rows = await sql<{ letters: number }[]>`
    SELECT d.letters
    FROM unnest(${keys.map(({ consumer }) => consumer)}::text[], ${keys.map(({ stream }) => stream)}::text[])
           WITH ORDINALITY AS k (consumer, stream, place)
         CROSS JOIN LATERAL (
           SELECT count(*)::int AS letters
           FROM (SELECT FROM events.dead_letter
                 WHERE consumer_name = k.consumer AND stream_name = k.stream
                   AND (replayed_at IS NULL OR redrive_requested_at IS NULL) -- A replay is no fault yet.
                 LIMIT ${COUNTED_DEAD_LETTERS}) AS counted) AS d
    ORDER BY k.place`;
  return rows.map(({ letters }) => letters);
}

/** A dead letter that is to be handled again. */
export interface Redrive {
  /** Its number. */
  readonly id: string;
  /** The event. */
  readonly entry: Entry;
  /** How often it was tried before. */
  readonly attempts: number;
  /** Whether it was read back from the archive, and not set aside by the consumer. */
  readonly replayed: boolean;
}

/** The first dead letter, in stream order, that is to be handled again. */
export async function nextRedrive(sql: Sql, key: ConsumerKey): Promise<Redrive | undefined> {
  const [row] = await sql<
    {
      id: string;
      entry_id: string;
      event_id: string;
      event_type: string;
      sent_at: Date;
      metadata: string;
      payload: string;
      attempts: number;
      replayed: boolean;
    }[]
  >`
    SELECT id::text, entry_id, event_id, event_type, sent_at, metadata::text, payload::text, attempts,
           replayed_at IS NOT NULL AS replayed
    FROM events.dead_letter
    WHERE consumer_name = ${key.consumer} AND stream_name = ${key.stream} AND redrive_requested_at IS NOT NULL
    ORDER BY stream_position LIMIT 1`;
  return row && {
    id: row.id,
    attempts: row.attempts,
    replayed: row.replayed,
    entry: {
      entryId: row.entry_id,
      eventId: row.event_id,
      eventType: row.event_type,
      stream: key.stream,
      time: row.sent_at.toISOString(),
      metadata: row.metadata,
      payload: row.payload,
    },
  };
}

/** Locks a dead letter that is to be handled again. @returns whether it still is */
export async function lockDeadLetter(tx: TransactionSql, id: string): Promise<boolean> {
  const rows = await tx`
    SELECT FROM events.dead_letter WHERE id = ${id} AND redrive_requested_at IS NOT NULL FOR UPDATE`;
  return rows.length > 0;
}

/** Deletes a dead letter that has been handled. */
export async function deleteDeadLetter(tx: TransactionSql, id: string): Promise<void> {
  await tx`DELETE FROM events.dead_letter WHERE id = ${id}`;
}

/** The same, if the transaction is still the one that {@linkcode beginWork} has begun. */
export async function deleteDeadLetterInWork(tx: TransactionSql, consumer: string, id: string): Promise<void> {
  await tx`DELETE FROM events.dead_letter WHERE id = ${id} AND current_setting('events.work', true) = ${consumer}`;
}

/** Puts a dead letter back among the others: it failed again. */
export async function returnDeadLetter(sql: Sql, { id, attempts }: Redrive, error: string): Promise<void> {
  await sql`
    UPDATE events.dead_letter
    SET redrive_requested_at = NULL, attempts = attempts + 1, error = ${errorText(error)}
    WHERE id = ${id} AND attempts = ${attempts}`;
}
