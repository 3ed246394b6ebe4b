import { type Entry, parseEntryId, toJsonLine } from "@events-pipeline/common";

/** How much one segment may hold. */
export interface SegmentLimits {
  /** Entries. */
  readonly count: number;
  /** Bytes of payload and metadata; a single entry may exceed it. */
  readonly bytes: number;
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
}

/** A segment, ready to be put. */
export interface Segment {
  /** Its record. */
  readonly record: SegmentRecord;
  /** Its key: `stream=<name>/date=<yyyy-mm-dd>/<first>_<last>.jsonl.gz`. */
  readonly key: string;
  /** Its lines, gzipped. */
  readonly body: Uint8Array;
}

/** A position is missing: entries were trimmed, deleted or lost before they were archived. */
export class GapError extends Error {
  override readonly name = "GapError";
}

/**
 * The entries that make the next segment: consecutive, of one UTC day, within the limits.
 *
 * @returns them, and whether the segment is full: nothing can be added to it any more
 * @throws {GapError} the entries do not follow the checkpoint without a hole
 */
export function cutSegment(
  stream: string,
  checkpoint: string,
  entries: readonly Entry[],
  limits: SegmentLimits,
): { readonly entries: readonly Entry[]; readonly full: boolean } {
  let position = parseEntryId(checkpoint).position;
  let bytes = 0;
  const taken: Entry[] = [];
  for (const entry of entries) {
    bytes += entry.payload.length + entry.metadata.length;
    const first = taken[0];
    if (first !== undefined && (bytes > limits.bytes || dateOf(first.entryId) !== dateOf(entry.entryId))) {
      return { entries: taken, full: true };
    }
    if (parseEntryId(entry.entryId).position !== ++position) {
      throw new GapError(
        `Cannot archive ${stream} on from ${checkpoint}: position ${position} is missing before entry ${entry.entryId}. ` +
          `Entries were trimmed, deleted or lost, or something else wrote to the stream; nothing is skipped`,
      );
    }
    taken.push(entry);
    if (taken.length >= limits.count) return { entries: taken, full: true };
  }
  return { entries: taken, full: false };
}

/** Writes entries as a segment. The same entries always give the same record. */
export async function makeSegment(stream: string, entries: readonly Entry[]): Promise<Segment> {
  const lines = new TextEncoder().encode(entries.map((entry) => toJsonLine(entry) + "\n").join(""));
  const sha256 = await sha256Hex(lines);
  const gzip = new Blob([lines]).stream().pipeThrough(new CompressionStream("gzip"));
  const first = entries[0]!.entryId;
  const last = entries.at(-1)!.entryId;
  return {
    record: {
      first,
      last,
      count: entries.length,
      sha256,
    },
    key: segmentKey(stream, first, last),
    body: new Uint8Array(await new Response(gzip).arrayBuffer()),
  };
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
