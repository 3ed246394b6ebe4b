import { parseEntryId } from "@events-pipeline/common";
import {
  type ArchivedSegment,
  DamagedSegmentError,
  isSuperseded,
  listSegments,
  type ObjectStore,
  readSegment,
} from "@events-pipeline/archiver";
import type { PositionRange } from "./position_set.ts";
import { type StageEntry, toStageEntry } from "./stage_entry.ts";

/** One object of the archive. */
export type ArchivePage =
  /** What it holds. */
  | { readonly kind: "entries"; readonly entries: readonly StageEntry[] }
  /** It cannot be read; `range` is what its key says that it holds. */
  | {
    readonly kind: "damaged";
    readonly object: string;
    readonly reason: string;
    readonly range: PositionRange | undefined;
  };

/**
 * Reads the archive of a stream, object by object, up to a position. What comes after it is left out, and so are objects that a longer one
 * of the same lines has superseded.
 */
export async function* archivePages(store: ObjectStore, stream: string, upTo: number): AsyncGenerator<ArchivePage> {
  let longest: ArchivedSegment | undefined;
  for await (const segment of listSegments(store, stream)) {
    const { key, ids } = segment;
    if (longest !== undefined && await isSuperseded(store, stream, segment, longest)) continue;
    if (ids !== undefined && lastOf(segment) > lastOf(longest)) longest = segment;
    const range = ids && { first: parseEntryId(ids.first).position, last: parseEntryId(ids.last).position };
    if (range !== undefined && range.first > upTo) continue;
    try {
      const entries = (await readSegment(store, stream, segment)).map((entry) => toStageEntry(entry, key));
      yield { kind: "entries", entries: entries.filter((entry) => entry.position <= upTo) };
    } catch (error) {
      if (!(error instanceof DamagedSegmentError)) throw error;
      yield { kind: "damaged", object: key, reason: error.reason, range };
    }
  }
}

function lastOf(segment: ArchivedSegment | undefined): number {
  return segment?.ids === undefined ? 0 : parseEntryId(segment.ids.last).position;
}
