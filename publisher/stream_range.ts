import { type Entry, fromStreamFields } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";

/** Reads up to `count` entries of a stream that come after an id. */
export async function readEntriesAfter(
  redis: RedisConnection,
  stream: string,
  after: string,
  count: number,
): Promise<Entry[]> {
  const reply = await redis.call("XRANGE", stream, `(${after}`, "+", "COUNT", count) as [string, string[]][];
  return reply.map(([entryId, fields]) => fromStreamFields(stream, entryId, fields));
}
