import { type Entry, parseEntryId } from "@events-pipeline/common";
import { type ArchivedSegment, listSegments, readSegment } from "./archived_segments.ts";
import type { ObjectStore } from "./object_store.ts";

/** A place between two segments, or in one, from which reading goes on without looking for it again. */
interface Cursor {
  /** The segments that follow. */
  readonly segments: AsyncGenerator<ArchivedSegment>;
  /** What is left of the one that was read last. */
  readonly rest: readonly Entry[];
}

/** So many places are kept, with at most a segment each; who reads more streams at once looks for his place again. */
const CURSORS = 16;

const positionOf = (entryId: string): number => parseEntryId(entryId).position;

/**
 * What the archive holds, as a consumer's history: the third place, behind Redis and the outbox, where a consumer that is far behind
 * finds its entries. Reading on costs one listing of the stream, and each segment once.
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
    let { segments, rest }: Cursor = this.#cursors.get(name) ??
      { segments: listSegments(this.#store, stream), rest: [] };
    this.#cursors.delete(name); // Whoever else is at this place takes one of his own.
    while (rest.length === 0) {
      const { done, value } = await segments.next();
      if (done) return [];
      if (value.ids === undefined || positionOf(value.ids.last) <= after) continue;
      if (positionOf(value.ids.first) > after + 1) return [];
      const entries = await readSegment(this.#store, stream, value);
      rest = entries.filter(({ entryId }) => positionOf(entryId) > after);
    }
    const taken = rest.slice(0, count).filter(({ entryId }) => positionOf(entryId) <= upTo);
    if (taken.length === 0) return [];
    for (const oldest of this.#cursors.keys()) {
      if (this.#cursors.size < CURSORS) break;
      this.#cursors.delete(oldest);
    }
    this.#cursors.set(`${stream} ${positionOf(taken.at(-1)!.entryId)}`, { segments, rest: rest.slice(taken.length) });
    return taken;
  }

  /** The id of the last archived entry before a time; `undefined` when the archive does not reach back so far. */
  async lastBefore(stream: string, ms: number): Promise<string | undefined> {
    let before: ArchivedSegment | undefined;
    for await (const segment of listSegments(this.#store, stream)) {
      if (segment.ids === undefined) continue;
      if (parseEntryId(segment.ids.first).ms >= ms) break;
      before = segment;
    }
    if (before?.ids === undefined) return undefined;
    if (parseEntryId(before.ids.last).ms < ms) return before.ids.last;
    const entries = await readSegment(this.#store, stream, before);
    return entries.findLast(({ entryId }) => parseEntryId(entryId).ms < ms)?.entryId;
  }
}
