import type { Entry } from "@events-pipeline/common";
import type { Lease, LeaseKey } from "@events-pipeline/common/lease";
import type { Sql } from "postgres";
import { errorText } from "./error_text.ts";

/** A consumer of a stream. */
export interface ConsumerKey {
  /** Its name. */
  readonly consumer: string;
  /** The stream. */
  readonly stream: string;
}

/** The role of a consumer in `events.stream_lease`. */
export function leaseKeyOf({ consumer, stream }: ConsumerKey): LeaseKey {
  return { stream, role: `consumer:${consumer}` };
}

/** The event that a consumer fails on. */
export interface FailingEvent {
  /** Its id. */
  readonly eventId: string;
  /** Where it is in the stream. */
  readonly entryId: string;
  /** The last error, in words. */
  readonly error: string;
  /** How often it has failed. */
  readonly attempts: number;
  /** How long until it is tried again, in milliseconds; not above 0 when it is due. */
  readonly retryInMs: number;
}

/** Reads which event a consumer fails on, if it does. */
export async function readFailingEvent(sql: Sql, key: ConsumerKey): Promise<FailingEvent | undefined> {
  const [row] = await sql<
    { event_id: string; entry_id: string; attempts: number; error: string; retry_in_ms: number }[]
  >`
    SELECT failing_event_id AS event_id, failing_entry_id AS entry_id, attempts, last_error AS error,
           coalesce(extract(epoch FROM retry_at - clock_timestamp()) * 1000, 0)::float8 AS retry_in_ms
    FROM events.consumer_state
    WHERE consumer_name = ${key.consumer} AND stream_name = ${key.stream} AND failing_event_id IS NOT NULL`;
  return row && {
    eventId: row.event_id,
    entryId: row.entry_id,
    error: row.error,
    attempts: row.attempts,
    retryInMs: row.retry_in_ms,
  };
}

/** A failure, as it is kept. */
export interface Failure {
  /** What failed. */
  readonly entry: Entry;
  /** How often by now. */
  readonly attempts: number;
  /** The error, in words. */
  readonly error: string;
  /** How long until it is tried again, in milliseconds. */
  readonly retryInMs: number;
}

/**
 * Keeps a failure, so that people see it, and a restarted worker goes on counting. Nothing happens when the lease was lost: a successor may
 * have handled the event since.
 */
export async function recordFailure(sql: Sql, key: ConsumerKey, lease: Lease, failure: Failure): Promise<void> {
  const { entry, attempts, error, retryInMs } = failure;
  await sql`
    INSERT INTO events.consumer_state AS s
      (consumer_name, stream_name, failing_event_id, failing_entry_id, attempts, last_error, failing_since, retry_at)
    SELECT ${key.consumer}, ${key.stream}, ${entry.eventId}::uuid, ${entry.entryId}, ${attempts}::integer,
           ${errorText(error)}, clock_timestamp(), clock_timestamp() + ${retryInMs} * interval '1 millisecond'
    FROM events.stream_lease
    WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}
    ON CONFLICT (consumer_name, stream_name) DO UPDATE
    SET failing_event_id = excluded.failing_event_id, failing_entry_id = excluded.failing_entry_id,
        attempts = excluded.attempts, last_error = excluded.last_error, retry_at = excluded.retry_at,
        failing_since = CASE WHEN s.failing_event_id = excluded.failing_event_id THEN s.failing_since
                             ELSE excluded.failing_since END`;
}

/** Forgets the failure: the event has been handled, or set aside. Nothing happens when the lease was lost: it is the successor's. */
export async function clearFailure(sql: Sql, key: ConsumerKey, lease: Lease): Promise<void> {
  await sql`
    UPDATE events.consumer_state
    SET failing_event_id = NULL, failing_entry_id = NULL, attempts = 0, last_error = NULL, failing_since = NULL,
        retry_at = NULL
    WHERE consumer_name = ${key.consumer} AND stream_name = ${key.stream} AND failing_event_id IS NOT NULL
      AND EXISTS (SELECT FROM events.stream_lease
                  WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken})`;
}

/** What a process has to know of its consumers from time to time. */
export interface ConsumerControl extends ConsumerKey {
  /** Whether somebody paused it. */
  readonly paused: boolean;
  /** Which tenure of its lease is the latest; `undefined` when there was none. */
  readonly fencingToken: string | undefined;
  /** Whether dead letters wait to be handled again. */
  readonly redrives: boolean;
  /** How far it has come: an entry id; `undefined` when it has never begun. */
  readonly checkpoint: string | undefined;
}

/** Reads what people, or other workers, have done to some consumers. One statement for all. */
export async function readControls(
  sql: Sql,
  keys: readonly ConsumerKey[],
): Promise<readonly ConsumerControl[]> {
  const rows = await sql<{
    consumer: string;
    stream: string;
    paused: boolean;
    fencing_token: string | null;
    redrives: boolean;
    checkpoint: string | null;
  }[]>`
    SELECT k.consumer, k.stream, s.paused_at IS NOT NULL AS paused, l.fencing_token::text, l.checkpoint,
           EXISTS (SELECT FROM events.dead_letter d
                   WHERE d.consumer_name = k.consumer AND d.stream_name = k.stream
                     AND d.redrive_requested_at IS NOT NULL) AS redrives
    FROM unnest(${keys.map((key) => key.consumer)}::text[], ${
    keys.map((key) => key.stream)
  }::text[]) AS k(consumer, stream)
    LEFT JOIN events.consumer_state s ON s.consumer_name = k.consumer AND s.stream_name = k.stream
    LEFT JOIN events.stream_lease l ON l.stream_name = k.stream AND l.role = 'consumer:' || k.consumer`;
  return rows.map(({ consumer, stream, paused, fencing_token, redrives, checkpoint }) => ({
    consumer,
    stream,
    paused,
    fencingToken: fencing_token ?? undefined,
    redrives,
    checkpoint: checkpoint ?? undefined,
  }));
}
