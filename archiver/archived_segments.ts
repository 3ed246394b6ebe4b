import { parseEntryId } from "@events-pipeline/common";
import type { ListedObject, ObjectStore } from "./object_store.ts";
import { segmentFolder } from "./segment.ts";

/** An object of the archive, as its key describes it. */
export interface ArchivedSegment {
  /** Its key. */
  readonly key: string;
  /** How many bytes it has, gzipped. */
  readonly bytes: number;
  /** When it was written, by the store's clock; `undefined` where the store does not tell. */
  readonly writtenAt?: Date | undefined;
  /** The first and last entry id that its name tells; `undefined` when it is not the name of a segment. */
  readonly ids: SegmentIds | undefined;
}

/** The entries between which a segment lies, both of them in it. */
export interface SegmentIds {
  /** Its first entry id. */
  readonly first: string;
  /** Its last entry id. */
  readonly last: string;
}

/** Which segments are listed. */
export interface SegmentListOptions {
  /** All that hold entries of this time or later, in Unix milliseconds; some earlier ones may come before them. @default 0 */
  readonly fromMs?: number;
}

/** How far in front of the time the listing begins: the nearest try that finds an earlier segment will do. */
const WINDOWS_MS = [10 * 60_000, 3 * 3_600_000];

/** From here on until the year 2286 the times of entry ids have 13 digits, so that the text order of keys is that of times. */
const ORDERED_MS = 1e12;

const DAY_MS = 86_400_000;

/**
 * Lists a stream's segments in the order of their positions. Where several begin with the same entry the longest comes first, so that
 * one that another one has superseded comes behind that. Nothing in front of the time's day is listed, and memory is bounded.
 *
 * @throws {Error} the store cannot be listed
 *
 * @example
 * ```ts
 * import { listSegments, makeSegment, openStore } from "@events-pipeline/archiver";
 * import { assertEquals } from "@std/assert";
 * import { pathToFileURL } from "node:url";
 *
 * const store = await openStore(pathToFileURL(await Deno.makeTempDir()).href);
 * const stream = "stream:widgets:events";
 * const { key, body, record } = await makeSegment(stream, [{
 *   entryId: "1767225600000-1",
 *   eventId: "019a2f6e-0000-7000-8000-000000000000",
 *   stream,
 *   eventType: "WidgetCreated",
 *   time: "2026-01-01T00:00:00.000Z",
 *   metadata: "{}",
 *   payload: '{"widget_id":"w1","owner_id":"o1"}',
 * }]);
 * await store.put(key, body, record);
 * const [segment] = await Array.fromAsync(listSegments(store, stream));
 * assertEquals(segment?.ids, { first: "1767225600000-1", last: "1767225600000-1" });
 * ```
 */
export async function* listSegments(
  store: ObjectStore,
  stream: string,
  { fromMs = 0 }: SegmentListOptions = {},
): AsyncGenerator<ArchivedSegment> {
  const folder = segmentFolder(stream);
  const places = placesBefore(fromMs);
  for (const [i, place] of places.entries()) {
    const listed = inOrder(store.list(folder, place === "" ? {} : { after: folder + place }));
    const first = await listed.next();
    const isEarlier = !first.done && first.value.ids !== undefined && parseEntryId(first.value.ids.first).ms < fromMs;
    if (i < places.length - 1 && !isEarlier) {
      await listed.return(undefined);
      continue;
    }
    if (!first.done) yield first.value;
    return yield* listed;
  }
}

/** Where to begin, the nearest first: within the day, and at last at the day's beginning, in front of which nothing is so late. */
function placesBefore(ms: number): string[] {
  if (ms <= 0) return [""];
  const day = Math.floor(ms / DAY_MS) * DAY_MS;
  const date = `date=${new Date(day).toISOString().slice(0, 10)}/`;
  const within = WINDOWS_MS.map((window) => ms - window).filter((start) => start > day && start >= ORDERED_MS);
  return [...within.map((start) => date + start), date];
}

/** Names the streams that an archive holds, in text order. Costs a listing request for each. */
export async function* listStreams(store: ObjectStore): AsyncGenerator<string> {
  for (let after = "stream=";;) {
    const object = await firstOf(store.list("", { after }));
    const name = /^stream=([^/]+)\//.exec(object?.key ?? "")?.[1];
    if (name === undefined && object?.key.startsWith("stream=")) {
      after = object.key; // No folder: whatever it is, the streams may stand behind it.
      continue;
    }
    if (name === undefined) return;
    yield name;
    after = `stream=${name}0`; // `0` comes right behind `/`.
  }
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

/** The text order of keys is that of times, but not that of positions: of the same time, `-10` stands before `-9`. */
async function* inOrder(objects: AsyncIterable<ListedObject>): AsyncGenerator<ArchivedSegment> {
  let group: ArchivedSegment[] = [];
  let place: string | undefined;
  for await (const { key, bytes, writtenAt } of objects) {
    const ids = idsOf(key);
    const folder = key.slice(0, key.lastIndexOf("/") + 1);
    const ms = ids === undefined ? undefined : parseEntryId(ids.first).ms;
    const next = ms === undefined && place?.startsWith(folder) ? place : folder + (ms! >= ORDERED_MS ? ms : "");
    if (next !== place) {
      yield* group.sort(compareSegments);
      group = [];
      place = next;
    }
    group.push({ key, bytes, writtenAt, ids });
  }
  yield* group.sort(compareSegments);
}

function compareSegments(a: ArchivedSegment, b: ArchivedSegment): number {
  if (a.ids === undefined || b.ids === undefined) return Number(a.ids === undefined) - Number(b.ids === undefined);
  const [x, y] = [positionsOf(a.ids), positionsOf(b.ids)];
  return x.first - y.first || y.last - x.last;
}

/** The positions between which a segment lies, both of them in it. */
export function positionsOf({ first, last }: SegmentIds): { readonly first: number; readonly last: number } {
  return { first: parseEntryId(first).position, last: parseEntryId(last).position };
}

function idsOf(key: string): SegmentIds | undefined {
  const [, first, last] = /\/([\d-]+)_([\d-]+)\.jsonl\.gz$/.exec(key) ?? [];
  return first !== undefined && last !== undefined && isEntryId(first) && isEntryId(last) ? { first, last } : undefined;
}

/** Whether it is an entry id of a time that there is. */
function isEntryId(text: string): boolean {
  try {
    return !Number.isNaN(new Date(parseEntryId(text).ms).getTime());
  } catch {
    return false;
  }
}
