import { compareEntryIds, type Entry, formatEntryId, parseEntryId } from "@events-pipeline/common";
import { listSegments, positionsOf } from "../archived_segments.ts";
import { MissingObjectError, type ObjectStore } from "../object_store.ts";
import { openStore } from "../open_store.ts";
import { segmentPages } from "./read_segment.ts";

/** Which entries are read. */
export interface ArchiveRange {
  /**
   * An entry id, behind which reading begins, with the entry of the next position; or a time, at which it begins, or later.
   *
   * @default the first entry that the archive holds
   */
  readonly after?: string | Date | undefined;
  /** An entry id, the last that is read; or a time, before which all are. @default the last entry that the archive holds */
  readonly until?: string | Date | undefined;
  /** Ends the reading. */
  readonly signal?: AbortSignal | undefined;
}

/** What {@linkcode readArchive} reads, and where. */
export interface ReadArchiveOptions extends ArchiveRange {
  /** The archive: what `openStore` gives, or its URL, `file:///folder` or `s3://bucket/prefix`. */
  readonly archive: ObjectStore | string;
  /** The stream. */
  readonly stream: string;
}

/** The archive lacks entries between others: it was changed by hand, or read from behind its end. `archive verify` tells more. */
export class ArchiveGapError extends Error {
  /** The error's name, `ArchiveGapError`. */
  override readonly name = "ArchiveGapError";
}

/**
 * Reads what is archived of a stream, entry by entry, in order, without a hole. Seeks by the keys, so that reading from a late place is
 * no slower than from the first one, and reads an object at a time, each proved whole before any of its entries is given. A compaction
 * may run at the same time.
 *
 * Entries have the ids that they have in Redis: what follows the last one is found there.
 *
 * @throws {ArchiveGapError} entries are missing
 * @throws {DamagedSegmentError} an object is not the segment that it should be
 * @throws {Error} the store does not give what is asked for
 *
 * @example
 * ```ts
 * import { makeSegment, openStore, readArchive } from "@events-pipeline/archiver";
 * import type { Entry } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 * import { pathToFileURL } from "node:url";
 *
 * const archive = await openStore(pathToFileURL(await Deno.makeTempDir()).href);
 * const stream = "stream:widgets:events";
 * const entries = [1, 2, 3].map((position): Entry => ({
 *   entryId: `1767225600000-${position}`,
 *   eventId: crypto.randomUUID(),
 *   stream,
 *   eventType: "WidgetCreated",
 *   time: "2026-01-01T00:00:00.000Z",
 *   metadata: "{}",
 *   payload: `{"widget_id":"w${position}","owner_id":"o1"}`,
 * }));
 * const { key, body, record } = await makeSegment(stream, entries);
 * await archive.put(key, body, record);
 *
 * const read: Entry[] = [];
 * for await (const entry of readArchive({ archive, stream, after: "1767225600000-1" })) read.push(entry);
 * assertEquals(read, entries.slice(1));
 * ```
 */
export async function* readArchive(options: ReadArchiveOptions): AsyncGenerator<Entry> {
  const { archive, stream, ...range } = options;
  const store = typeof archive === "string" ? await openStore(archive) : archive;
  try {
    for await (const page of archivePages(store, stream, range)) yield* page;
  } finally {
    if (typeof archive === "string") store.close();
  }
}

/** A place in a stream: what has been read. */
interface Place {
  /** Where the search begins, in Unix milliseconds. */
  readonly ms: number;
  /** The last position that has been read; `undefined` when reading begins wherever the time says. */
  readonly position: number | undefined;
}

/** As {@linkcode readArchive}, page by page. No page is empty. */
export async function* archivePages(
  store: ObjectStore,
  stream: string,
  { after, until, signal }: ArchiveRange = {},
): AsyncGenerator<readonly Entry[]> {
  let place: Place = after instanceof Date
    ? { ms: after.getTime(), position: undefined }
    : after === undefined
    ? { ms: 0, position: undefined }
    : parseEntryId(after);
  /** The place at which something was amiss: once more is no coincidence. */
  let doubted: Place | undefined;
  while (true) {
    const begun = place;
    const range = { ...begun, until, passed: false };
    try {
      for await (const page of listedPages(store, stream, range)) {
        signal?.throwIfAborted();
        const { ms, position } = parseEntryId(page.at(-1)!.entryId);
        place = { ms, position };
        yield page;
        signal?.throwIfAborted();
      }
      // What was compacted while it was listed is missing at the end of the list: one that brings nothing new is the true end.
      if (range.passed || place === begun) return;
    } catch (error) {
      const replaced = error instanceof MissingObjectError || error instanceof ArchiveGapError;
      if (!replaced || (doubted !== undefined && doubted.position === place.position)) throw error;
      // A compaction has replaced what was listed. It keeps the day, but what holds the place may begin long before it.
      doubted = place;
      place = { ...place, ms: place.ms - place.ms % DAY_MS };
    }
  }
}

const DAY_MS = 86_400_000;

/** What is wanted of a listing. */
interface ListedRange extends Place {
  readonly until: ArchiveRange["until"];
  /** Whether all up to `until` has been given. */
  passed: boolean;
}

/** What a listing gives behind a place. */
async function* listedPages(
  store: ObjectStore,
  stream: string,
  range: ListedRange,
): AsyncGenerator<readonly Entry[]> {
  const { ms, until } = range;
  let at = range.position;
  for await (const segment of listSegments(store, stream, { fromMs: ms })) {
    const { ids } = segment;
    if (ids === undefined) continue; // Not the archiver's.
    const { first, last } = positionsOf(ids);
    // One that a longer one has superseded is behind what was read of that.
    if (at === undefined ? parseEntryId(ids.last).ms < ms : last <= at) continue;
    range.passed = isBehind(ids.first, until);
    if (range.passed) return;
    if (at !== undefined && first > at + 1) throw gapError(stream, at, ids.first);
    for await (const { entries } of segmentPages(store, stream, segment)) {
      const from = entries.findIndex(({ entryId }) => {
        const id = parseEntryId(entryId);
        return at === undefined ? id.ms >= ms : id.position > at;
      });
      if (from === -1) continue;
      const end = entries.findIndex(({ entryId }) => isBehind(entryId, until));
      range.passed = end !== -1;
      const wanted = entries.slice(from, range.passed ? end : undefined);
      if (wanted.length > 0) {
        at = parseEntryId(wanted.at(-1)!.entryId).position;
        yield wanted;
      }
      if (range.passed) return;
    }
  }
}

function isBehind(entryId: string, until: ArchiveRange["until"]): boolean {
  if (until === undefined) return false;
  return until instanceof Date ? parseEntryId(entryId).ms >= until.getTime() : compareEntryIds(entryId, until) > 0;
}

function gapError(stream: string, at: number, before: string): ArchiveGapError {
  const { position } = parseEntryId(before);
  const range = position - at === 2 ? `position ${at + 1} is` : `positions ${at + 1} to ${position - 1} are`;
  return new ArchiveGapError(`Cannot read the archive of ${stream} on: ${range} missing before entry ${before}`);
}

/** The `after` that begins reading with this entry. */
export function rightBefore(entryId: string): string {
  const { ms, position } = parseEntryId(entryId);
  return formatEntryId({ ms, position: Math.max(0, position - 1) });
}
