import { parseEntryId } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { type ConsumerStatus, readConsumers, readLags } from "@events-pipeline/consumer/control";
import type { Sql } from "postgres";

/** How many rows of a backlog are counted, so that a large one costs no more. */
export const COUNTED_ROWS = 10_000;

/** What a stream is like. */
export interface StreamFacts {
  readonly stream: string;
  /** Unpublished rows, up to one more than {@linkcode COUNTED_ROWS}. */
  readonly backlog: number;
  /** How old the oldest of them is. */
  readonly backlogSeconds: number;
  /** The position up to which it is published. */
  readonly published: number;
  /** The position up to which it is archived; `undefined` where no archiver has begun. */
  readonly archived: number | undefined;
  /** How long the archiver has been where it is. */
  readonly archiverSeconds: number;
  /** Entries in Redis; `undefined` when Redis does not answer. */
  readonly entries: number | undefined;
}

/** A consumer, and how far it is behind. */
export interface ConsumerFacts extends ConsumerStatus {
  /** In events; `undefined` when Redis does not answer. */
  readonly lag: number | undefined;
}

/** Where the console reads. */
export interface Sources {
  /** The producers' database. */
  readonly outbox: Sql;
  /** The consumers' database. */
  readonly sql: Sql;
  readonly redis: RedisConnection;
}

/** Reads every stream, ordered by name. */
export async function readStreams({ outbox, redis }: Pick<Sources, "outbox" | "redis">): Promise<StreamFacts[]> {
  const rows = await outbox<StreamRow[]>`
    WITH RECURSIVE waiting AS (
      SELECT min(stream_name) AS stream FROM events.outbox_event WHERE published_at IS NULL
      UNION ALL
      SELECT (SELECT min(stream_name) FROM events.outbox_event WHERE published_at IS NULL AND stream_name > w.stream)
      FROM waiting w WHERE w.stream IS NOT NULL
    ), streams AS (
      SELECT stream FROM waiting WHERE stream IS NOT NULL
      UNION SELECT stream_name FROM events.stream_lease WHERE role IN ('publisher', 'archiver')
    )
    SELECT s.stream, p.checkpoint AS published, a.checkpoint AS archived,
           coalesce(extract(epoch FROM clock_timestamp() - a.updated_at), 0)::float8 AS archiver_seconds,
           (SELECT count(*)::int FROM (SELECT FROM events.outbox_event o
             WHERE o.stream_name = s.stream AND o.published_at IS NULL LIMIT ${
    COUNTED_ROWS + 1
  }) AS counted) AS backlog,
           coalesce((SELECT extract(epoch FROM clock_timestamp() - o.created_at) FROM events.outbox_event o
             WHERE o.stream_name = s.stream AND o.published_at IS NULL ORDER BY o.id LIMIT 1), 0)::float8 AS backlog_seconds
    FROM streams s
    LEFT JOIN events.stream_lease p ON p.stream_name = s.stream AND p.role = 'publisher'
    LEFT JOIN events.stream_lease a ON a.stream_name = s.stream AND a.role = 'archiver'
    ORDER BY s.stream`;
  return await Promise.all(rows.map(async (row) => ({
    stream: row.stream,
    backlog: row.backlog,
    backlogSeconds: Math.max(0, row.backlog_seconds),
    published: row.published === null ? 0 : parseEntryId(row.published).position,
    archived: row.archived === null ? undefined : parseEntryId(row.archived).position,
    archiverSeconds: row.archiver_seconds,
    entries: await redis.call("XLEN", row.stream).then(Number, () => undefined),
  })));
}

/** Reads every consumer, ordered by name and stream. */
export async function readConsumerFacts({ sql, redis }: Pick<Sources, "sql" | "redis">): Promise<ConsumerFacts[]> {
  const consumers = await readConsumers(sql);
  const lags = await readLags(redis, consumers).catch(() => new Map<ConsumerStatus, number>());
  return consumers.map((consumer) => ({ ...consumer, lag: lags.get(consumer) }));
}

interface StreamRow {
  readonly stream: string;
  readonly published: string | null;
  readonly archived: string | null;
  readonly archiver_seconds: number;
  readonly backlog: number;
  readonly backlog_seconds: number;
}
