import { type Entry, fromJsonLine, parseEntryId } from "@events-pipeline/common";
import { createHash } from "node:crypto";
import type { ArchivedSegment, SegmentIds } from "../archived_segments.ts";
import type { StoredObject } from "../object_store.ts";
import { segmentKey } from "../segment.ts";

/** An object that is not the segment that it should be: it cannot be read, or holds something else than its key says. */
export class DamagedSegmentError extends Error {
  /** The error's name, `DamagedSegmentError`. */
  override readonly name = "DamagedSegmentError";
  /** What is wrong with it, in words. */
  readonly reason: string;

  /**
   * Made by what reads segments.
   *
   * @param key the object's key
   * @param reason what is wrong with it
   * @param cause what made that known
   */
  constructor(key: string, reason: string, cause?: unknown) {
    super(`Cannot read ${key}: ${reason}`, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** Some of a segment's entries, in order, each with its line. */
export interface ScannedPage {
  /** The entries. */
  readonly entries: readonly Entry[];
  /** Their lines, without the line breaks. */
  readonly lines: readonly string[];
}

/** What all lines of a segment are, when each of them has been read. */
export interface ScannedSegment {
  /** How many entries it has. */
  readonly count: number;
  /** The lines' SHA-256, in hex. */
  readonly sha256: string;
}

/**
 * The entry ids of a segment whose key is as it should be.
 *
 * @throws {DamagedSegmentError} it is another one
 */
export function checkKey(stream: string, { key, ids }: ArchivedSegment): SegmentIds {
  if (ids === undefined) throw new DamagedSegmentError(key, "it has not the name of a segment");
  const place = segmentKey(stream, ids.first, ids.last);
  if (key !== place) throw new DamagedSegmentError(key, `it belongs under ${place}`);
  return ids;
}

/**
 * Reads an object line by line, and proves on the way that it is the segment that its key describes: whole gzip, each line an entry of
 * the stream, their positions without a hole from the first to the last, SHA-256 and count as they were recorded. Holds a page at a time.
 *
 * What it gives is proved only when it has ended.
 *
 * @throws {DamagedSegmentError} it is not
 */
export async function* scanSegment(
  stream: string,
  segment: ArchivedSegment,
  { body, head }: StoredObject,
): AsyncGenerator<ScannedPage, ScannedSegment> {
  const { key } = segment;
  const ids = checkKey(stream, segment);
  const hash = createHash("sha256");
  const first = parseEntryId(ids.first);
  let { ms, position } = { ms: first.ms, position: first.position - 1 };
  let last: string | undefined;
  let count = 0;
  for await (const lines of linesOf(key, body, hash)) {
    const entries = lines.map((line, i) => {
      try {
        return fromJsonLine(line);
      } catch (error) {
        throw new DamagedSegmentError(key, `its line ${count + i + 1} is not that of an event`, error);
      }
    });
    for (const { entryId, stream: from } of entries) {
      const id = idOf(key, entryId);
      if (from !== stream) throw new DamagedSegmentError(key, "it holds entries of another stream");
      if (id.position !== position + 1 || id.ms < ms) {
        throw new DamagedSegmentError(key, `it holds entry ${entryId} where position ${position + 1} belongs`);
      }
      ({ ms, position } = id);
      if (count++ === 0 && entryId !== ids.first) {
        throw new DamagedSegmentError(key, `it begins with entry ${entryId}`);
      }
      last = entryId;
    }
    yield { entries, lines };
  }
  const expected = parseEntryId(ids.last).position - first.position + 1;
  if (count !== expected || last !== ids.last) {
    throw new DamagedSegmentError(key, `it holds ${count} of ${expected} entries, the last of them ${last}`);
  }
  const sha256 = hash.digest("hex");
  if (head !== undefined && head.sha256 !== sha256) {
    throw new DamagedSegmentError(key, "its SHA-256 is not the recorded one");
  }
  if (head !== undefined && head.count !== count) {
    throw new DamagedSegmentError(key, `it holds ${count} entries, and ${head.count} are recorded`);
  }
  return { count, sha256 };
}

function idOf(key: string, entryId: string): { readonly ms: number; readonly position: number } {
  try {
    return parseEntryId(entryId);
  } catch (error) {
    throw new DamagedSegmentError(key, `it holds an entry of the id '${entryId}'`, error);
  }
}

/** The lines of a gzipped object, as many at a time as come out at once. */
async function* linesOf(
  key: string,
  body: Uint8Array<ArrayBuffer>,
  hash: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const text = (bytes?: Uint8Array): string => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (error) {
      throw new DamagedSegmentError(key, "its lines are not UTF-8", error);
    }
  };
  // A line of many pieces is put together only when its end is there.
  let pieces: string[] = [];
  for await (const bytes of unzipped(key, body)) {
    hash.update(bytes);
    const lines = text(bytes).split("\n");
    const rest = lines.pop()!;
    if (lines.length > 0) {
      lines[0] = pieces.join("") + lines[0];
      pieces = [];
      yield lines;
    }
    if (rest !== "") pieces.push(rest);
  }
  if (pieces.join("") + text() !== "") throw new DamagedSegmentError(key, "its last line has no end");
}

async function* unzipped(key: string, body: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array> {
  const reader = ReadableStream.from(piecesOf(body)).pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    while (true) {
      const { done, value } = await reader.read().catch((error) => {
        throw new DamagedSegmentError(key, "it is not whole gzip", error);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // Of a stream that has failed already.
  }
}

/** What is put in at once comes out at once, a thousand times as large at worst. */
const PIECE_BYTES = 16 * 1024;

function* piecesOf(body: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
}
