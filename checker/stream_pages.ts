import { fromStreamFields } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { positionOf, type StageEntry, toStageEntry } from "./stage_entry.ts";

/** Entries a page, at most. */
const PAGE_ENTRIES = 1_000;

/** Bytes a page is to have at most, as long as entries are not much larger than those before. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** Entries of the first page, when nothing is known of their size. */
const FIRST_PAGE_ENTRIES = 100;

/**
 * Reads a stream page by page, after an entry id and up to another.
 *
 * @throws {Error} Redis refuses it
 */
export async function* streamPages(
  redis: RedisConnection,
  stream: string,
  { after, upTo }: { readonly after: string; readonly upTo: string },
): AsyncGenerator<readonly StageEntry[]> {
  let count = FIRST_PAGE_ENTRIES;
  for (let last = after;;) {
    const page = await redis.call("XRANGE", stream, `(${last}`, upTo, "COUNT", count) as [string, string[]][];
    if (page.length === 0) return;
    yield page.map(([entryId, fields]) => read(stream, entryId, fields));
    last = page.at(-1)![0];
    const largest = Math.max(...page.map(([, fields]) => fields.reduce((sum, text) => sum + text.length, 0)), 1);
    count = Math.max(1, Math.min(PAGE_ENTRIES, Math.floor(PAGE_BYTES / largest)));
  }
}

/** The id of a stream's last entry; `undefined` when it holds none. */
export async function lastEntryId(redis: RedisConnection, stream: string): Promise<string | undefined> {
  const reply = await redis.call("XREVRANGE", stream, "+", "-", "COUNT", 1) as [string, string[]][];
  return reply[0]?.[0];
}

function read(stream: string, entryId: string, fields: readonly string[]): StageEntry {
  try {
    return toStageEntry(fromStreamFields(stream, entryId, fields));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { entryId, position: positionOf(entryId) }; // Something else than a publisher wrote it.
  }
}
