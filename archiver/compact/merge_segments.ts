import type { ObjectStore } from "../object_store.ts";
import { scanSegment } from "../read/scan_segment.ts";
import type { KnownSegment } from "../read/superseded.ts";
import type { Segment } from "../segment.ts";
import { SegmentWriter } from "../segment_writer.ts";

/**
 * Writes segments that follow each other as one, line for line the same. Each is proved whole on the way. Holds one of them, and what has
 * been written, both gzipped.
 *
 * @throws {DamagedSegmentError} one of them is not what its key says
 */
export async function mergeSegments(
  store: ObjectStore,
  stream: string,
  segments: readonly KnownSegment[],
  signal?: AbortSignal,
): Promise<Segment> {
  const writer = new SegmentWriter(stream);
  try {
    for (const segment of segments) {
      for await (const { entries } of scanSegment(stream, segment, await store.get(segment.key))) {
        signal?.throwIfAborted();
        await writer.add(entries);
      }
    }
    return await writer.finish();
  } catch (error) {
    writer.giveUp();
    throw error;
  }
}
