import type { Entry } from "@events-pipeline/common";
import type { ArchivedSegment } from "../archived_segments.ts";
import type { ObjectStore } from "../object_store.ts";
import { checkKey, type ScannedPage, scanSegment } from "./scan_segment.ts";

/** So many characters of lines are kept from the proof of a segment; one that has more is unzipped a second time. */
const KEPT_CHARACTERS = 16 * 1024 * 1024;

/**
 * Reads a segment page by page. Nothing is given of one that is not whole: it is proved first. Holds the object as it is stored, gzipped,
 * and no more than 16 Mi characters of its lines.
 *
 * @throws {DamagedSegmentError} the object is not the segment that its key describes
 * @throws {MissingObjectError} it is no longer there
 * @throws {Error} the store does not give it
 */
export async function* segmentPages(
  store: ObjectStore,
  stream: string,
  segment: ArchivedSegment,
): AsyncGenerator<ScannedPage> {
  checkKey(stream, segment);
  const object = await store.get(segment.key);
  let kept: ScannedPage[] | undefined = [];
  let characters = 0;
  for await (const page of scanSegment(stream, segment, object)) {
    for (const line of page.lines) characters += line.length;
    if (characters > KEPT_CHARACTERS) kept = undefined;
    kept?.push(page);
  }
  yield* kept ?? scanSegment(stream, segment, object);
}

/**
 * Reads all entries of a segment.
 *
 * @throws {DamagedSegmentError} the object is not the segment that its key describes
 * @throws {MissingObjectError} it is no longer there
 * @throws {Error} the store does not give it
 */
export async function readSegment(
  store: ObjectStore,
  stream: string,
  segment: ArchivedSegment,
): Promise<readonly Entry[]> {
  const entries: Entry[][] = [];
  for await (const page of segmentPages(store, stream, segment)) entries.push([...page.entries]);
  return entries.flat();
}
