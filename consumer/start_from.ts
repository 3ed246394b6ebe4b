import { compareEntryIds, formatEntryId, parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { StartFrom } from "./define_consumer.ts";
import type { EntrySource } from "./entry_source.ts";
import type { History } from "./history.ts";

/** The first checkpoint of a consumer: the entry behind which it begins. */
export async function firstCheckpoint(
  startFrom: StartFrom,
  stream: string,
  source: EntrySource,
  history: History,
): Promise<string> {
  if (startFrom === "beginning") return ZERO_ENTRY_ID;
  if (startFrom === "now") {
    // A Redis that was lost is empty, or ends too early, until a publisher has filled it again.
    const inRedis = await source.lastId(stream);
    const published = await history.lastBefore(stream, Number.MAX_SAFE_INTEGER) ?? ZERO_ENTRY_ID;
    return compareEntryIds(inRedis, published) < 0 ? published : inRedis;
  }
  if (startFrom instanceof Date) return await lastBefore(startFrom.getTime(), stream, source, history);
  return startFrom;
}

/** The id of the last entry before a time. */
async function lastBefore(ms: number, stream: string, source: EntrySource, history: History): Promise<string> {
  const inRedis = await source.lastBefore(stream, ms);
  if (inRedis !== undefined) return inRedis;
  const first = await source.firstId(stream);
  const older = await history.lastBefore(stream, ms);
  if (older !== undefined) return older;
  if (first === undefined) return await source.lastId(stream); // It is empty: all that was published is older, or there is nothing.
  const { ms: firstMs, position } = parseEntryId(first);
  // Nobody knows what was before the first one of Redis, so that is where it begins.
  return position === 1 ? ZERO_ENTRY_ID : formatEntryId({ ms: firstMs, position: position - 1 });
}
