import { type Entry, fromJsonLine, parseEntryId } from "@events-pipeline/common";
import type { ObjectStore } from "./object_store.ts";
import { segmentFolder, segmentKey, sha256Hex } from "./segment.ts";

/** An object of the archive, as its key describes it. */
export interface ArchivedSegment {
  /** Its key. */
  readonly key: string;
  /** The first and last entry id that its name tells; `undefined` when it is not the name of a segment. */
  readonly ids: { readonly first: string; readonly last: string } | undefined;
}

/** An object that is not the segment that it should be: it cannot be read, or holds something else than its key says. */
export class DamagedSegmentError extends Error {
  /** The error's name, `DamagedSegmentError`. */
  override readonly name = "DamagedSegmentError";
}

/**
 * Lists a stream's segments in the order of their positions, a day after the other. Only one day's keys are in memory at a time.
 *
 * @throws {Error} the store cannot be listed
 */
export async function* listSegments(store: ObjectStore, stream: string): AsyncGenerator<ArchivedSegment> {
  let day: string | undefined;
  let segments: ArchivedSegment[] = [];
  for await (const { key } of store.list(segmentFolder(stream))) {
    const folder = key.slice(0, key.lastIndexOf("/"));
    if (folder !== day) {
      yield* inOrder(segments);
      segments = [];
      day = folder;
    }
    segments.push({ key, ids: idsOf(key) });
  }
  yield* inOrder(segments);
}

function idsOf(key: string): ArchivedSegment["ids"] {
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

/** The text order of keys is not that of positions: `-10` stands before `-9`. */
function inOrder(segments: readonly ArchivedSegment[]): ArchivedSegment[] {
  const positionOf = ({ ids }: ArchivedSegment): number => ids === undefined ? 0 : parseEntryId(ids.first).position;
  return segments.toSorted((a, b) => positionOf(a) - positionOf(b));
}

/**
 * Reads the entries of a segment.
 *
 * @throws {DamagedSegmentError} the object cannot be read as the segment that its key describes
 * @throws {Error} the store does not give it
 */
export async function readSegment(
  store: ObjectStore,
  stream: string,
  { key, ids }: ArchivedSegment,
): Promise<readonly Entry[]> {
  const damaged = (reason: string, cause?: unknown): DamagedSegmentError =>
    new DamagedSegmentError(`Cannot read ${key}: ${reason}`, { cause });
  if (ids === undefined) throw damaged("it has not the name of a segment");
  const place = segmentKey(stream, ids.first, ids.last);
  if (key !== place) throw damaged(`it belongs under ${place}`);
  const { body, head } = await store.get(key);
  let lines: Uint8Array<ArrayBuffer>;
  try {
    const unzipped = new Blob([body]).stream().pipeThrough(new DecompressionStream("gzip"));
    lines = new Uint8Array(await new Response(unzipped).arrayBuffer());
  } catch (error) {
    throw damaged("it is not whole gzip", error);
  }
  if (head !== undefined && await sha256Hex(lines) !== head.sha256) {
    throw damaged("its SHA-256 is not the recorded one");
  }
  let entries: Entry[];
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(lines);
    entries = text.split("\n").filter((line) => line !== "").map(fromJsonLine);
  } catch (error) {
    throw damaged("its lines are not those of events", error);
  }
  const [first, last] = [entries[0]?.entryId, entries.at(-1)?.entryId];
  const count = parseEntryId(ids.last).position - parseEntryId(ids.first).position + 1;
  if (first !== ids.first || last !== ids.last || entries.length !== count) {
    throw damaged(`it holds ${entries.length} of ${count} entries, from ${first} to ${last}`);
  }
  if (entries.some((entry) => entry.stream !== stream)) throw damaged("it holds entries of another stream");
  return entries;
}
