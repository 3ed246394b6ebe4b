import { type Entry, fromStreamFields, parseEntryId } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import { type Page, type PageLimits, planPages } from "./outbox_sizes.ts";

/** Positions are missing: entries were trimmed, deleted or lost before they were archived. */
export class GapError extends Error {
  override readonly name = "GapError";
}

/** Where entries are found that Redis no longer has. */
export interface EntryHistory {
  /**
   * Reads entries of a stream in order, as far as they follow each other without a hole.
   *
   * @param after the position in front of the first one
   * @param upTo the last position that is wanted
   * @param count how many, at most
   * @returns none when it does not have the first one
   */
  read(stream: string, after: number, upTo: number, count: number): Promise<readonly Entry[]>;
}

/** What entries are read from. */
export interface EntryReaderContext {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
  /** Has what Redis lacks. */
  readonly history: EntryHistory;
}

/** Which entries are read. */
export interface EntryRange {
  /** The stream. */
  readonly stream: string;
  /** The entry id in front of the first one. */
  readonly after: string;
  /** The entry id of the last one. */
  readonly upTo: string;
  /** How many, at most. */
  readonly count: number;
}

/**
 * How much is in memory at a time: one page, and another one that is on its way. Pages of more entries cost twice the CPU time, since
 * then they outlive the young part of the heap.
 */
const PAGE: PageLimits = { count: 100, bytes: 1024 * 1024 };

/** How many entries are asked for at once when nobody knows their sizes, at first and when they prove large. */
const BLIND_COUNT = 16;

/**
 * Reads entries, page by page, without a hole: from Redis, and from the outbox what Redis lacks. Pages are small in bytes, whatever
 * the sizes of the entries.
 *
 * @throws {GapError} neither has the next one
 */
export async function* readEntries(context: EntryReaderContext, range: EntryRange): AsyncGenerator<readonly Entry[]> {
  let position = parseEntryId(range.after).position;
  const end = Math.min(parseEntryId(range.upTo).position, position + range.count);
  const sizes = new PageSizes(await planPages(context.sql, range.stream, position, end, PAGE), end);
  let next: Promise<readonly Entry[]> | undefined;
  let { after } = range;
  let page: readonly Entry[] = [];
  try {
    while (position < end) {
      next = readPage(context, { ...range, after, count: sizes.next(position, page) });
      next.catch(() => {}); // It may be that nobody wants it any more.
      if (page.length > 0) yield page;
      page = await next;
      after = page.at(-1)!.entryId;
      position = parseEntryId(after).position;
    }
    if (page.length > 0) yield page;
  } finally {
    await next?.catch(() => {});
  }
}

/** Says how many entries may be read at once. */
class PageSizes {
  readonly #planned: readonly Page[];
  readonly #end: number;
  #index = 0;
  #blind = BLIND_COUNT;

  constructor(planned: readonly Page[], end: number) {
    this.#planned = planned;
    this.#end = end;
  }

  /**
   * @param position the position in front of the first one
   * @param read the page that was read last
   */
  next(position: number, read: readonly Entry[]): number {
    while (this.#index < this.#planned.length && this.#planned[this.#index]!.last <= position) this.#index++;
    const page = this.#planned[this.#index];
    if (page !== undefined) return page.last - position;
    // The outbox does not have these any more: they are probably like those before them.
    const largest = read.reduce((most, { payload, metadata }) => Math.max(most, payload.length + metadata.length), 1);
    const count = Math.min(PAGE.count, this.#blind, Math.max(1, Math.floor(PAGE.bytes / largest)));
    this.#blind = 2 * count;
    return Math.min(count, this.#end - position);
  }
}

async function readPage(context: EntryReaderContext, range: EntryRange): Promise<readonly Entry[]> {
  const { stream, after, upTo, count } = range;
  const reply = await context.redis.call("XRANGE", stream, `(${after}`, upTo, "COUNT", count) as [string, string[]][];
  const before = parseEntryId(after).position;
  const entries: Entry[] = [];
  for (const [entryId, fields] of reply) {
    if (parseEntryId(entryId).position !== before + entries.length + 1) break;
    entries.push(fromStreamFields(stream, entryId, fields));
  }
  if (entries.length > 0) return entries;
  const found = reply[0]?.[0];
  const last = found === undefined ? parseEntryId(upTo).position : parseEntryId(found).position - 1;
  if (last <= before) {
    throw new GapError(
      `Cannot archive ${stream} on from ${after}: entry ${found} comes next, so something else wrote to the stream, or its positions ` +
        "began anew; nothing is skipped",
    );
  }
  const missing = await context.history.read(stream, before, last, count);
  if (missing.length > 0) return missing;
  const positions = last === before + 1 ? `position ${last}` : `positions ${before + 1} to ${last}`;
  throw new GapError(
    `Cannot archive ${stream} on from ${after}: Redis lacks ${positions}, and the outbox does not have position ${
      before + 1
    } either. ` +
      "Entries were trimmed, deleted or lost; nothing is skipped",
  );
}
