import { parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import { silentLogger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { EntrySource } from "../entry_source.ts";
import type { History } from "../history.ts";
import { firstCheckpoint } from "../start_from.ts";

/** Where a consumer is put: before the first event, behind an entry, or before the first event published at a time or after it. */
export type ResetTarget = "beginning" | `${number}-${number}` | Date;

/**
 * The checkpoint that a target means for a stream.
 *
 * @param history where entries are found that Redis no longer has, as a rule the outbox
 * @throws {RangeError} neither Redis nor the history has the entry: a checkpoint that names none would skip or repeat others
 */
export async function checkpointFor(
  to: ResetTarget,
  stream: string,
  redis: RedisConnection,
  history: History,
): Promise<string> {
  const source = new EntrySource(redis, redis, silentLogger);
  if (typeof to === "string" && to !== "beginning" && to !== ZERO_ENTRY_ID) {
    const { position } = parseEntryId(to);
    const inRedis = await redis.call("XRANGE", stream, to, to) as unknown[];
    const [older] = inRedis.length > 0 ? [] : await history.read(stream, position - 1, position, 1);
    if (inRedis.length === 0 && older?.entryId !== to) {
      throw new RangeError(`Cannot reset to ${to}: neither Redis nor the outbox has that entry of ${stream}`);
    }
  }
  return await firstCheckpoint(to, stream, source, history);
}
