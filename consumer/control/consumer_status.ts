import { parseEntryId } from "@events-pipeline/common";
import { silentLogger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import type { ConsumerKey } from "../consumer_state.ts";
import { EntrySource } from "../entry_source.ts";

/** The event that a consumer fails on. */
export interface FailingStatus {
  /** The event's id. */
  readonly eventId: string;
  /** Where it is in the stream. */
  readonly entryId: string;
  /** How often it was tried. */
  readonly attempts: number;
  /** The last error, in words. */
  readonly error: string;
  /** When it failed first. */
  readonly since: Date;
  /** When it is tried again. */
  readonly retryAt: Date;
}

/** A consumer, as the tables know it. */
export interface ConsumerStatus extends ConsumerKey {
  /**
   * `paused` by somebody; `failing` on an event; `running` in some process; `stopped` when no process has its lease.
   */
  readonly state: "running" | "paused" | "failing" | "stopped";
  /** The process that has its lease. */
  readonly owner: string | undefined;
  /** Everything up to this entry id is done. */
  readonly checkpoint: string;
  /** When the checkpoint or the lease last changed. */
  readonly updatedAt: Date;
  /** The event it fails on, if it does. */
  readonly failing: FailingStatus | undefined;
  /** How many of its events were set aside. */
  readonly deadLetters: number;
}

/**
 * Reads every consumer that has ever begun, ordered by name. One statement.
 *
 * @param sql a pool on the consumers' database
 */
export async function readConsumers(sql: Sql): Promise<readonly ConsumerStatus[]> {
  const rows = await sql<StatusRow[]>`
    SELECT substr(l.role, length('consumer:') + 1) AS consumer, l.stream_name AS stream, l.checkpoint, l.updated_at,
           CASE WHEN l.lease_until > clock_timestamp() THEN l.owner_id END AS owner, s.paused_at IS NOT NULL AS paused,
           s.failing_event_id, s.failing_entry_id, s.attempts, s.last_error, s.failing_since, s.retry_at,
           (SELECT count(*)::int FROM events.dead_letter d
            WHERE d.consumer_name = substr(l.role, length('consumer:') + 1) AND d.stream_name = l.stream_name
              AND (d.replayed_at IS NULL OR d.redrive_requested_at IS NULL) -- A replay is no fault yet.
           ) AS dead_letters
    FROM events.stream_lease l
    LEFT JOIN events.consumer_state s
      ON s.consumer_name = substr(l.role, length('consumer:') + 1) AND s.stream_name = l.stream_name
    WHERE l.role LIKE 'consumer:%'
    ORDER BY 1, 2`;
  return rows.map(toStatus);
}

/**
 * How many events each consumer is behind the end of its stream.
 *
 * @returns by consumer and stream; without those whose stream Redis cannot tell of
 * @throws {Error} Redis does not answer
 */
export async function readLags(
  redis: RedisConnection,
  consumers: readonly ConsumerStatus[],
): Promise<ReadonlyMap<ConsumerStatus, number>> {
  const source = new EntrySource(redis, redis, silentLogger);
  const streams = [...new Set(consumers.map(({ stream }) => stream))];
  const ends = new Map(
    await Promise.all(streams.map(async (stream) => [stream, await source.lastId(stream)] as const)),
  );
  const position = (entryId: string): number => parseEntryId(entryId).position;
  return new Map(consumers.map((consumer) => [
    consumer,
    Math.max(0, position(ends.get(consumer.stream)!) - position(consumer.checkpoint)),
  ]));
}

interface StatusRow {
  readonly consumer: string;
  readonly stream: string;
  readonly checkpoint: string;
  readonly updated_at: Date;
  readonly owner: string | null;
  readonly paused: boolean;
  readonly failing_event_id: string | null;
  readonly failing_entry_id: string;
  readonly attempts: number;
  readonly last_error: string;
  readonly failing_since: Date;
  readonly retry_at: Date;
  readonly dead_letters: number;
}

function toStatus(row: StatusRow): ConsumerStatus {
  const failing = row.failing_event_id === null ? undefined : {
    eventId: row.failing_event_id,
    entryId: row.failing_entry_id,
    attempts: row.attempts,
    error: row.last_error,
    since: row.failing_since,
    retryAt: row.retry_at,
  };
  const atWork = row.owner === null ? "stopped" : failing === undefined ? "running" : "failing";
  return {
    consumer: row.consumer,
    stream: row.stream,
    state: row.paused ? "paused" : atWork,
    owner: row.owner ?? undefined,
    checkpoint: row.checkpoint,
    updatedAt: row.updated_at,
    failing,
    deadLetters: row.dead_letters,
  };
}
