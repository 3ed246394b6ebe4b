import { formatEntryId, parseEntryId } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";

/** A stream, as Redis holds it. */
export interface RedisStream {
  /** Its last entry id. */
  readonly lastId: string;
  /** How many entries it has. */
  readonly entries: number;
  /** Bytes that they take; `undefined` when the user may not ask. */
  readonly bytes: number | undefined;
  /** Events a second, over the last minute. */
  readonly rate: number;
}

/** When the entries came that readers have not come to. */
export interface EntryTimes {
  /** When the first entry behind a reader's checkpoint came, in Unix milliseconds; `undefined` when Redis does not have it. */
  after(reader: { readonly stream: string; readonly checkpoint: string }): number | undefined;
}

/** The time over which a rate is taken, in milliseconds. */
const RATE_MS = 60_000;

/**
 * Reads streams: three commands each, all at once. Streams that Redis does not have are left out.
 *
 * @param now Unix milliseconds
 */
export async function readRedisStreams(
  redis: RedisConnection,
  streams: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, RedisStream>> {
  const read = await Promise.all(
    streams.map(async (stream) => [stream, await readStream(redis, stream, now)] as const),
  );
  return new Map(read.flatMap(([stream, facts]) => facts === undefined ? [] : [[stream, facts]]));
}

async function readStream(redis: RedisConnection, stream: string, now: number): Promise<RedisStream | undefined> {
  const since = Math.max(0, Math.floor(now - RATE_MS));
  const [info, recent, bytes] = await Promise.all([
    redis.call("XINFO", "STREAM", stream).catch(orIfMissing) as Promise<unknown[] | undefined>,
    redis.call("XRANGE", stream, `${since}-0`, "+", "COUNT", 1) as Promise<[string, unknown][]>,
    redis.call("MEMORY", "USAGE", stream).then(Number, orIfRefused),
  ]);
  if (info === undefined) return undefined;
  const lastId = String(info[info.indexOf("last-generated-id") + 1]);
  const first = recent[0]?.[0];
  const events = first === undefined ? 0 : parseEntryId(lastId).position - parseEntryId(first).position + 1;
  return { lastId, entries: Number(info[info.indexOf("length") + 1]), bytes, rate: events / (RATE_MS / 1_000) };
}

/** Finds when the next entry of readers came: one command for each place at which some of them are. */
export async function readEntryTimes(
  redis: RedisConnection,
  readers: readonly { readonly stream: string; readonly checkpoint: string }[],
): Promise<EntryTimes> {
  const keyOf = ({ stream, checkpoint }: { stream: string; checkpoint: string }): string => `${checkpoint} ${stream}`;
  const places = new Map(readers.map((reader) => [keyOf(reader), reader]));
  const times = new Map(
    await Promise.all([...places].map(async ([key, { stream, checkpoint }]) => {
      const { ms, position } = parseEntryId(checkpoint);
      const next = formatEntryId({ ms, position: position + 1 });
      const reply = await redis.call("XRANGE", stream, next, "+", "COUNT", 1) as [string, unknown][];
      const id = reply[0]?.[0];
      return [key, id === undefined ? undefined : parseEntryId(id).ms] as const;
    })),
  );
  return { after: (reader) => times.get(keyOf(reader)) };
}

function orIfMissing(error: unknown): undefined {
  if (error instanceof Error && /no such key/i.test(error.message)) return undefined;
  throw error;
}

function orIfRefused(error: unknown): undefined {
  if (error instanceof Error && /^NOPERM|no permissions/i.test(error.message)) return undefined;
  throw error;
}
