import { parseEntryId } from "@events-pipeline/common";
import { createHash, type Hash } from "node:crypto";
import { type ArchivedSegment, positionsOf, type SegmentIds } from "../archived_segments.ts";
import type { ObjectStore } from "../object_store.ts";
import { DamagedSegmentError, type ScannedSegment, scanSegment } from "./scan_segment.ts";

/** A segment whose key is that of one. */
export interface KnownSegment extends ArchivedSegment {
  /** Its first and last entry id. */
  readonly ids: SegmentIds;
}

/** Whether a segment lies within a longer one, all of it. */
export function isWithin(inner: SegmentIds, outer: SegmentIds): boolean {
  const [a, b] = [positionsOf(inner), positionsOf(outer)];
  return a.first >= b.first && a.last <= b.last;
}

/** What a segment holds, and what it holds where others lie within it. */
export interface ScannedOuter extends ScannedSegment {
  /** The SHA-256 of its lines where each of the others lies, in hex. */
  readonly within: readonly string[];
}

/**
 * Reads a segment once, and proves it; on the way it takes the SHA-256 of each part where a shorter segment lies. A compaction that was
 * ended by force leaves such ones: they are superseded when they hold the same lines.
 *
 * @param inner all of them within the segment, in the order of a listing
 * @throws {DamagedSegmentError} it is not what its key says
 */
export async function scanOuter(
  store: ObjectStore,
  stream: string,
  outer: ArchivedSegment,
  inner: readonly KnownSegment[],
): Promise<ScannedOuter> {
  const parts = inner.map(({ ids }) => ({ ...positionsOf(ids), hash: createHash("sha256") }));
  /** Those that have not begun yet, and those that lie where the scan is. */
  let waiting = 0;
  let open: { readonly last: number; readonly hash: Hash }[] = [];
  const pages = scanSegment(stream, outer, await store.get(outer.key));
  while (true) {
    const { done, value } = await pages.next();
    if (done) return { ...value, within: parts.map(({ hash }) => hash.digest("hex")) };
    if (waiting === parts.length && open.length === 0) continue;
    for (const [i, { entryId }] of value.entries.entries()) {
      const { position } = parseEntryId(entryId);
      while (waiting < parts.length && parts[waiting]!.first <= position) open.push(parts[waiting++]!);
      for (const { hash } of open) hash.update(value.lines[i]! + "\n");
      if (open.some(({ last }) => last <= position)) open = open.filter(({ last }) => last > position);
    }
  }
}

/**
 * Whether a longer segment has superseded another one: it holds the same lines, and more. A compaction that was ended by force leaves
 * both, and the next one removes the shorter.
 *
 * @throws {Error} the store does not give them
 */
export async function isSuperseded(
  store: ObjectStore,
  stream: string,
  segment: ArchivedSegment,
  by: ArchivedSegment,
): Promise<boolean> {
  const { ids } = segment;
  if (ids === undefined || by.ids === undefined || segment.key === by.key || !isWithin(ids, by.ids)) return false;
  try {
    const { within } = await scanOuter(store, stream, by, [{ ...segment, ids }]);
    return (await scanOuter(store, stream, segment, [])).sha256 === within[0];
  } catch (error) {
    if (error instanceof DamagedSegmentError) return false;
    throw error;
  }
}
