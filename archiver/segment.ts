import { parseEntryId } from "@events-pipeline/common";

/** When a segment is full. */
export interface SegmentLimits {
  /** Entries. */
  readonly count: number;
  /** Characters of payload and metadata; a single entry may exceed it. */
  readonly bytes: number;
  /** How old its first entry may grow until it is written though it is not full, in milliseconds. */
  readonly ageMs: number;
}

/** What is recorded of a segment before it is written, so that a successor writes the very same. */
export interface SegmentRecord {
  /** Its first entry id. */
  readonly first: string;
  /** Its last entry id. */
  readonly last: string;
  /** How many entries it has. */
  readonly count: number;
  /** The lines' SHA-256, in hex, before compression. */
  readonly sha256: string;
  /** What its lines are. */
  readonly contentType: "application/x-ndjson";
  /** How they are compressed. */
  readonly contentEncoding: "gzip";
}

/** One JSON text a line. */
export const CONTENT_TYPE = "application/x-ndjson";

/** How segments are compressed. */
export const CONTENT_ENCODING = "gzip";

/** A segment, ready to be put. */
export interface Segment {
  /** Its record. */
  readonly record: SegmentRecord;
  /** Its key: `stream=<name>/date=<yyyy-mm-dd>/<first>_<last>.jsonl.gz`. */
  readonly key: string;
  /** Its lines, gzipped. */
  readonly body: Uint8Array;
}

/** The folder of a stream's segments in the archive; it ends in `/`. */
export function segmentFolder(stream: string): string {
  return `stream=${stream}/`;
}

/** The key of the segment that holds a stream's entries from one to another. */
export function segmentKey(stream: string, first: string, last: string): string {
  return `${segmentFolder(stream)}date=${dateOf(first)}/${first}_${last}.jsonl.gz`;
}

/** The SHA-256 of bytes, in hex. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** The UTC day of an entry, `yyyy-mm-dd`: the name of its folder. */
export function dateOf(entryId: string): string {
  return new Date(parseEntryId(entryId).ms).toISOString().slice(0, 10);
}
