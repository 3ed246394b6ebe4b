import { parseEntryId } from "@events-pipeline/common";
import { type ArchivedSegment, positionsOf } from "../archived_segments.ts";
import { isWithin, type KnownSegment } from "../read/superseded.ts";
import { dateOf, segmentKey } from "../segment.ts";

/** Segments that are to become one. */
export interface MergeGroup {
  /** They follow each other, two or more. */
  readonly segments: readonly KnownSegment[];
}

/** A segment, and shorter ones that lie within it. */
export interface SupersededGroup {
  /** The longer one. */
  readonly outer: KnownSegment;
  /** The others. */
  readonly inner: readonly KnownSegment[];
}

/** What is to be done about a day's segments. */
export interface DayPlan {
  /** What is to be merged. */
  readonly merges: readonly MergeGroup[];
  /** What is to be removed, if it holds the same lines. */
  readonly superseded: readonly SupersededGroup[];
  /** Why the day is to be left alone: somebody has changed it by hand. @default nothing */
  readonly fault?: string;
}

/** How a day is compacted. */
export interface PlanOptions {
  /** The stream. */
  readonly stream: string;
  /** The day, `yyyy-mm-dd`. */
  readonly date: string;
  /** The last position that may be touched: the archiver's checkpoint. */
  readonly upTo: number;
  /** How many bytes the merged ones may have together. */
  readonly targetBytes: number;
}

/** Plans a day from its listing: neighbours are merged as long as they are within the target together. */
export function planDay(listed: readonly ArchivedSegment[], options: PlanOptions): DayPlan {
  const { stream, date, upTo, targetBytes } = options;
  const merges: MergeGroup[] = [];
  const superseded: { outer: KnownSegment; inner: KnownSegment[] }[] = [];
  let group: KnownSegment[] = [];
  let bytes = 0;
  const endGroup = (): void => {
    if (group.length > 1) merges.push({ segments: group });
    group = [];
    bytes = 0;
  };
  let outer: KnownSegment | undefined;
  for (const { ids, ...segment } of listed) {
    if (ids === undefined || dateOf(ids.first) !== date) continue; // Not the archiver's, or of another day.
    const known: KnownSegment = { ...segment, ids };
    if (known.key !== segmentKey(stream, ids.first, ids.last)) {
      return { merges, superseded, fault: `${known.key} is misplaced` };
    }
    const { first, last } = positionsOf(ids);
    if (last > upTo) break; // The archiver may still be at it.
    if (outer !== undefined && isWithin(ids, outer.ids)) {
      const before = superseded.at(-1);
      if (before?.outer === outer) before.inner.push(known);
      else superseded.push({ outer, inner: [known] });
      continue;
    }
    const end = outer === undefined ? first - 1 : positionsOf(outer.ids).last;
    if (first <= end) return { merges, superseded, fault: `${known.key} overlaps ${outer!.key}` };
    if (outer !== undefined && parseEntryId(ids.first).ms < parseEntryId(outer.ids.last).ms) {
      return { merges, superseded, fault: `${known.key} begins before ${outer.key} ends` };
    }
    if (first > end + 1 || bytes + known.bytes > targetBytes) endGroup();
    group.push(known);
    bytes += known.bytes;
    outer = known;
  }
  endGroup();
  return { merges, superseded };
}
