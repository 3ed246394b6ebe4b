import { describeError } from "@events-pipeline/common/logger";
import { compareEntryIds, parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { readVerifications, type RecordedVerification } from "@events-pipeline/archiver";
import { type ConsumerStatus, readConsumers } from "@events-pipeline/consumer/control";
import { readBackloggedStreams, readBacklogs, readMemory, type RedisMemory } from "@events-pipeline/publisher";
import type { Sql } from "postgres";
import { type EntryTimes, readEntryTimes, readRedisStreams, type RedisStream } from "./redis_streams.ts";

/** How many unpublished rows of a stream are counted, so that a long backlog costs no more. */
export const COUNTED_ROWS = 100_000;

/** What an overview is read from. */
export interface OverviewSources {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** A pool on the database that the handlers write; the same pool if it is the same one. */
  readonly consumerSql: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
}

/** How far a reader of a stream is behind. */
export interface Lag {
  /** Events that it has not come to. */
  readonly events: number;
  /** How long the first of them has been in the stream, in seconds; `undefined` when there is none, or Redis no longer has it. */
  readonly seconds: number | undefined;
}

/** A stream, from the outbox to Redis. */
export interface StreamOverview {
  /** The stream. */
  readonly stream: string;
  /** Events a second, over the last minute; 0 when Redis does not answer. */
  readonly rate: number;
  /** Unpublished rows, counted up to {@linkcode COUNTED_ROWS}. */
  readonly unpublished: number;
  /** How long the oldest of them has waited, in seconds; 0 when there is none. */
  readonly unpublishedSeconds: number;
  /** The entry id of the last event; `0-0` when there is none. */
  readonly lastId: string;
  /** Entries that Redis holds; `undefined` when it does not answer. */
  readonly entries: number | undefined;
  /** Bytes that they take; `undefined` when Redis does not answer, or the user may not ask. */
  readonly bytes: number | undefined;
  /** Up to where everybody has read, and who has read least; `undefined` when nothing is in the stream. */
  readonly floor: { readonly entryId: string; readonly heldBy: string } | undefined;
  /** Events that Redis lost and the outbox no longer held. */
  readonly lost: number;
}

/** A consumer of a stream. */
export interface ConsumerOverview extends ConsumerStatus {
  /** How far it is behind. */
  readonly lag: Lag;
}

/** The archiver's work on a stream. */
export interface ArchiveOverview {
  /** The stream. */
  readonly stream: string;
  /** The process that has it; `undefined` when none has. */
  readonly owner: string | undefined;
  /** Everything up to this entry id is archived. */
  readonly checkpoint: string;
  /** How far it is behind; an open segment counts. */
  readonly lag: Lag;
  /** The last time that the stream's archive was verified; `undefined` for never. */
  readonly verification: RecordedVerification | undefined;
}

/** The kinds of daemons. */
export type DaemonKind = "publisher" | "consumer" | "archiver";

/** Everything that goes on in a pipeline. */
export interface Overview {
  /** When it was read, in Unix milliseconds, by the database's clock. */
  readonly at: number;
  /** How many connections each kind of daemon has to its database. */
  readonly daemons: Readonly<Record<DaemonKind, number>>;
  /** How full Redis is; `undefined` when it does not answer. */
  readonly memory: RedisMemory | undefined;
  /** Why Redis does not answer; `undefined` when it does. Places in streams are then those of the publisher's checkpoint. */
  readonly redisFault: string | undefined;
  /** By name. */
  readonly streams: readonly StreamOverview[];
  /** By name. */
  readonly consumers: readonly ConsumerOverview[];
  /** By stream; empty when no archiver has ever run. */
  readonly archives: readonly ArchiveOverview[];
}

/**
 * Reads what goes on in a pipeline, changing nothing. PostgreSQL is asked in a few statements, whatever the number of streams and
 * consumers, and Redis in three commands a stream and one for each reader that is behind, all of them at once. It may be read as
 * `events_observer`.
 *
 * @throws {Error} PostgreSQL does not answer, or refuses
 */
export async function readOverview({ sql, consumerSql, redis }: OverviewSources): Promise<Overview> {
  const apart = consumerSql !== sql;
  const [{ backlogged }, leases, readers, losses, verifications, consumers, daemons, consumerDaemons] = await Promise
    .all([
      readBackloggedStreams(sql, []),
      readLeases(sql),
      apart ? readLeases(consumerSql) : [],
      readLosses(sql),
      readVerifications(sql),
      readConsumers(consumerSql),
      readDaemons(sql),
      apart ? readDaemons(consumerSql) : undefined,
    ]);
  const streams = [...new Set([...backlogged, ...leases].map(({ stream }) => stream))].sort();
  const archivers = leases.filter(({ role }) => role === "archiver");
  const published = new Map(
    leases.filter(({ role }) => role === "publisher").map(({ stream, checkpoint }) => [stream, checkpoint]),
  );
  const [backlogs, inRedis] = await Promise.all([
    readBacklogs(sql, backlogged.map(({ stream }) => ({ stream, floor: "0" })), COUNTED_ROWS),
    readFromRedis(redis, streams, [...consumers, ...archivers], daemons.at),
  ]);
  const lastId = (stream: string): string =>
    (inRedis.fault === undefined ? inRedis.streams.get(stream)?.lastId : published.get(stream)) ?? ZERO_ENTRY_ID;
  const lagOf = (reader: Reader): Lag => lag(reader, lastId(reader.stream), inRedis.times, daemons.at);
  const floors = lowest([...leases, ...readers]);
  const waiting = new Map(backlogs.map((backlog) => [backlog.stream, backlog]));
  const verified = new Map(verifications.map((verification) => [verification.stream, verification]));
  return {
    at: daemons.at,
    daemons: {
      publisher: daemons.publisher,
      consumer: (consumerDaemons ?? daemons).consumer,
      archiver: daemons.archiver,
    },
    memory: inRedis.memory,
    redisFault: inRedis.fault,
    streams: streams.map((stream) => {
      const backlog = waiting.get(stream);
      const here = inRedis.streams.get(stream);
      const floor = floors.get(stream);
      return {
        stream,
        rate: here?.rate ?? 0,
        unpublished: backlog?.rows ?? 0,
        unpublishedSeconds: Math.max(0, backlog?.seconds ?? 0),
        lastId: lastId(stream),
        entries: inRedis.fault === undefined ? here?.entries ?? 0 : undefined,
        bytes: here?.bytes,
        floor: floor && { entryId: floor.checkpoint, heldBy: floor.role },
        lost: losses.get(stream) ?? 0,
      };
    }),
    consumers: consumers.map((consumer) => ({ ...consumer, lag: lagOf(consumer) })),
    archives: archivers.map((archiver) => ({
      stream: archiver.stream,
      owner: archiver.owner ?? undefined,
      checkpoint: archiver.checkpoint,
      lag: lagOf(archiver),
      verification: verified.get(archiver.stream),
    })),
  };
}

interface Reader {
  readonly stream: string;
  readonly checkpoint: string;
}

interface LeaseRow extends Reader {
  readonly role: string;
  readonly owner: string | null;
}

async function readLeases(sql: Sql): Promise<readonly LeaseRow[]> {
  return await sql<LeaseRow[]>`
    SELECT stream_name AS stream, role, checkpoint, CASE WHEN lease_until > clock_timestamp() THEN owner_id END AS owner
    FROM events.stream_lease WHERE role IN ('publisher', 'archiver') OR role LIKE 'consumer:%' ORDER BY 1, 2`;
}

async function readLosses(sql: Sql): Promise<ReadonlyMap<string, number>> {
  const rows = await sql<{ stream: string; lost: number }[]>`
    SELECT stream_name AS stream, sum(last_position - first_position + 1)::float8 AS lost
    FROM events.stream_loss GROUP BY 1`;
  return new Map(rows.map(({ stream, lost }) => [stream, lost]));
}

type Daemons = Readonly<Record<DaemonKind, number>> & { readonly at: number };

/** Anybody may see which programs are connected. Behind a pooler the pooler may be seen in their place. */
async function readDaemons(sql: Sql): Promise<Daemons> {
  const [row] = await sql<Daemons[]>`
    SELECT count(*) FILTER (WHERE application_name LIKE 'events-publisher%')::int AS publisher,
           count(*) FILTER (WHERE application_name = 'events-consumer')::int AS consumer,
           count(*) FILTER (WHERE application_name = 'events-archiver')::int AS archiver,
           extract(epoch FROM clock_timestamp())::float8 * 1000 AS at
    FROM pg_stat_activity WHERE datname = current_database()`;
  return row!;
}

/** The role that has come least far in each stream. */
function lowest(leases: readonly LeaseRow[]): ReadonlyMap<string, LeaseRow> {
  const floors = new Map<string, LeaseRow>();
  for (const lease of leases) {
    const floor = floors.get(lease.stream);
    if (floor === undefined || compareEntryIds(lease.checkpoint, floor.checkpoint) < 0) floors.set(lease.stream, lease);
  }
  return floors;
}

function lag(reader: Reader, lastId: string, times: EntryTimes, at: number): Lag {
  const events = Math.max(0, parseEntryId(lastId).position - parseEntryId(reader.checkpoint).position);
  const since = events === 0 ? undefined : times.after(reader);
  return { events, seconds: since === undefined ? undefined : Math.max(0, at - since) / 1_000 };
}

interface FromRedis {
  readonly fault: string | undefined;
  readonly memory: RedisMemory | undefined;
  readonly streams: ReadonlyMap<string, RedisStream>;
  readonly times: EntryTimes;
}

/** What Redis tells. Where it does not answer, that is a part of what goes on. */
async function readFromRedis(
  redis: RedisConnection,
  names: readonly string[],
  readers: readonly Reader[],
  now: number,
): Promise<FromRedis> {
  try {
    const [memory, streams] = await Promise.all([readMemory(redis), readRedisStreams(redis, names, now)]);
    const behind = readers.filter(({ stream, checkpoint }) =>
      compareEntryIds(checkpoint, streams.get(stream)?.lastId ?? ZERO_ENTRY_ID) < 0
    );
    return { fault: undefined, memory, streams, times: await readEntryTimes(redis, behind) };
  } catch (error) {
    return { fault: describeError(error), memory: undefined, streams: new Map(), times: { after: () => undefined } };
  }
}
