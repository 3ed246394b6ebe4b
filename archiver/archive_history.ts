import { type Entry, parseEntryId } from "@events-pipeline/common";
import type { ObjectStore } from "./object_store.ts";
import { lastDayWhere, lastSegmentBefore } from "./read/find_day.ts";
import { ArchiveGapError, archivePages } from "./read/read_archive.ts";
import { segmentPages } from "./read/read_segment.ts";

/** A place in a stream from which reading goes on without looking for it again. */
interface Cursor {
  /** The pages that follow. */
  readonly pages: AsyncGenerator<readonly Entry[]>;
  /** What is left of the one that was read last. */
  readonly rest: readonly Entry[];
}

/** So many places are kept, with at most an object each; who reads more streams at once looks for his place again. */
const CURSORS = 16;

const positionOf = (entryId: string): number => parseEntryId(entryId).position;

/**
 * What the archive holds, as a consumer's history: the third place, behind Redis and the outbox, where a consumer that is far behind
 * finds its entries. The first read finds the day by its keys; reading on costs one listing of what follows, and each segment once.
 */
export class ArchiveHistory {
  readonly #store: ObjectStore;
  readonly #cursors = new Map<string, Cursor>();

  /**
   * Reads nothing yet.
   *
   * @param store where the archiver puts its segments
   */
  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /**
   * Reads entries in order, as far as they follow each other without a hole.
   *
   * @param after the position in front of the first one
   * @param upTo the last position that is wanted
   * @param count how many, at most
   * @returns none when the archive does not have the first one
   * @throws {DamagedSegmentError} an object is not the segment that it should be
   */
  async read(stream: string, after: number, upTo: number, count: number): Promise<readonly Entry[]> {
    const name = `${stream} ${after}`;
    const cursor = this.#cursors.get(name) ?? await this.#seek(stream, after);
    this.#cursors.delete(name); // Whoever else is at this place takes one of his own.
    if (cursor === undefined) return [];
    let { rest } = cursor;
    if (rest.length === 0) {
      const next = await cursor.pages.next().catch((error) => {
        if (error instanceof ArchiveGapError) return { done: true } as const;
        throw error;
      });
      if (next.done) return [];
      rest = next.value;
    }
    const taken = rest.slice(0, count).filter(({ entryId }) => positionOf(entryId) <= upTo);
    const last = taken.at(-1);
    if (last === undefined) return [];
    for (const oldest of this.#cursors.keys()) {
      if (this.#cursors.size < CURSORS) break;
      this.#cursors.delete(oldest);
    }
    const place = `${stream} ${positionOf(last.entryId)}`;
    this.#cursors.set(place, { pages: cursor.pages, rest: rest.slice(taken.length) });
    return taken;
  }

  async #seek(stream: string, after: number): Promise<Cursor | undefined> {
    const day = await lastDayWhere(this.#store, stream, ({ first }) => positionOf(first) <= after + 1);
    if (day === undefined) return undefined;
    return { pages: archivePages(this.#store, stream, { after: `${day}-${after}` }), rest: [] };
  }

  /** The id of the last archived entry before a time; `undefined` when the archive does not reach back so far. */
  async lastBefore(stream: string, ms: number): Promise<string | undefined> {
    const segment = await lastSegmentBefore(this.#store, stream, ms);
    if (segment === undefined || parseEntryId(segment.ids.last).ms < ms) return segment?.ids.last;
    let before: string | undefined;
    for await (const { entries } of segmentPages(this.#store, stream, segment)) {
      before = entries.findLast(({ entryId }) => parseEntryId(entryId).ms < ms)?.entryId ?? before;
    }
    return before;
  }
}
