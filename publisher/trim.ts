import { compareEntryIds, formatEntryId, parseEntryId } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import { recordTrimmed } from "./stream_retention.ts";

/** What trimming works with. */
export interface TrimContext {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** Pools on every database that holds readers' leases, the producers' included. */
  readonly readerDatabases: readonly Sql[];
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
}

/** Up to where a stream may be trimmed, and who holds it there. */
export interface TrimFloor {
  /** An entry id: entries up to here are not needed by anybody. */
  readonly entryId: string;
  /** The slowest role: `archiver`, `consumer:<name>`, or `publisher` when every reader has caught up. */
  readonly heldBy: string;
}

/** How much Redis deletes in one go. */
const TRIM_ENTRIES = 10_000;

/**
 * Finds up to where a stream may be trimmed: the slowest of the publisher, whose uncommitted batch must be found again, the archiver
 * and every registered consumer.
 *
 * @throws {Error} a database does not answer: then nothing may be trimmed
 */
export async function readTrimFloor(context: TrimContext, stream: string): Promise<TrimFloor | undefined> {
  const leases = await Promise.all(context.readerDatabases.map((sql) =>
    sql<{ role: string; checkpoint: string }[]>`
      SELECT role, checkpoint FROM events.stream_lease
      WHERE stream_name = ${stream} AND (role IN ('publisher', 'archiver') OR role LIKE 'consumer:%')`
  ));
  // On a tie it is the publisher's: a reader that has caught up with it holds up nobody.
  const isPublisher = ({ role }: { role: string }): number => Number(role === "publisher");
  const slowest =
    leases.flat().sort((a, b) => compareEntryIds(a.checkpoint, b.checkpoint) || isPublisher(b) - isPublisher(a))[0];
  return slowest && { entryId: slowest.checkpoint, heldBy: slowest.role };
}

/**
 * Trims a stream up to the floor, and of that only what was appended before a time. The outbox is told first, so that a refill does
 * not bring back what was trimmed.
 *
 * @param beforeMs Unix milliseconds; `Infinity` trims up to the floor itself
 * @returns how many entries went
 */
export async function trimStream(
  context: TrimContext,
  stream: string,
  floor: TrimFloor,
  beforeMs: number,
): Promise<number> {
  const { sql, redis } = context;
  const end = Number.isFinite(beforeMs) && beforeMs <= parseEntryId(floor.entryId).ms
    ? `(${Math.max(0, Math.floor(beforeMs))}-0`
    : floor.entryId;
  const reply = await redis.call("XREVRANGE", stream, end, "-", "COUNT", 1) as [string, string[]][];
  const last = reply[0]?.[0];
  if (last === undefined) return 0;
  const { ms, position } = parseEntryId(last);
  await recordTrimmed(sql, stream, position);
  let trimmed = 0;
  while (true) {
    // By whole nodes of its memory ("~"), which is cheap, and in steps, so that nobody waits long for Redis.
    const gone = Number(
      await redis.call(
        ...(["XTRIM", stream, "MINID", "~", formatEntryId({ ms, position: position + 1 })] as const),
        ...(["LIMIT", TRIM_ENTRIES] as const),
      ),
    );
    trimmed += gone;
    if (gone === 0) return trimmed;
  }
}
