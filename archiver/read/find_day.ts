import { parseEntryId } from "@events-pipeline/common";
import { type ArchivedSegment, listSegments, type SegmentIds } from "../archived_segments.ts";
import type { ObjectStore } from "../object_store.ts";

const DAY_MS = 86_400_000;

/** How far ahead of this process's clock the archive may reach, in days. */
const AHEAD_DAYS = 366;

/**
 * Finds the last day whose first segment is still as asked for, by halving the calendar: a listing request for each step, of which ten
 * years take a dozen.
 *
 * @param isSo holds for the first days of the archive, and no longer from some day on
 * @returns the day's beginning in Unix milliseconds; `undefined` when it does not hold for the first segment of all
 */
export async function lastDayWhere(
  store: ObjectStore,
  stream: string,
  isSo: (first: SegmentIds) => boolean,
): Promise<number | undefined> {
  const first = await firstSegment(store, stream, 0);
  if (first === undefined || !isSo(first)) return undefined;
  let day = dayOf(first);
  let beyond = Math.max(day + 1, Math.ceil(Date.now() / DAY_MS) + AHEAD_DAYS);
  while (beyond - day > 1) {
    const middle = Math.floor((day + beyond) / 2);
    const found = await firstSegment(store, stream, middle * DAY_MS);
    if (found !== undefined && isSo(found)) day = Math.max(middle, dayOf(found));
    else beyond = middle;
  }
  return day * DAY_MS;
}

function dayOf({ first }: SegmentIds): number {
  return Math.floor(parseEntryId(first).ms / DAY_MS);
}

/** The first segment of a day, or of a later one. */
async function firstSegment(store: ObjectStore, stream: string, fromMs: number): Promise<SegmentIds | undefined> {
  for await (const { ids } of listSegments(store, stream, { fromMs })) if (ids !== undefined) return ids;
  return undefined;
}

/** The last segment, in the order of positions, that begins before a time. */
export async function lastSegmentBefore(
  store: ObjectStore,
  stream: string,
  ms: number,
): Promise<ArchivedSegment & { readonly ids: SegmentIds } | undefined> {
  const day = await lastDayWhere(store, stream, ({ first }) => parseEntryId(first).ms < ms);
  if (day === undefined) return undefined;
  let last: ArchivedSegment & { readonly ids: SegmentIds } | undefined;
  for await (const { ids, ...segment } of listSegments(store, stream, { fromMs: day })) {
    if (ids === undefined) continue;
    if (parseEntryId(ids.first).ms >= ms) break;
    const reach = (found: SegmentIds): number => parseEntryId(found.last).position;
    if (last === undefined || reach(ids) > reach(last.ids)) last = { ...segment, ids }; // Not one that is superseded.
  }
  return last;
}
