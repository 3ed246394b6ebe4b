import { type Entry, parseEntryId } from "@events-pipeline/common";
import { type Lease, readLease } from "@events-pipeline/common/lease";
import type { ArchiverMetrics } from "./archiver_metrics.ts";
import { type EntryReaderContext, GapError, readEntries } from "./entry_reader.ts";
import type { ObjectStore, PutReport } from "./object_store.ts";
import { dateOf, type Segment, type SegmentLimits, type SegmentRecord } from "./segment.ts";
import { finishSegment, recordSegment } from "./segment_record.ts";
import { SegmentWriter } from "./segment_writer.ts";

/** Where a segment stands: a process that dies there leaves just that behind. */
export type ArchiveStep = "before record" | "before put" | "after put" | "after finish";

/** What archiving works with. */
export interface ArchiveContext extends EntryReaderContext {
  /** Where segments are put. */
  readonly store: ObjectStore;
  /** Told what is archived. */
  readonly metrics: ArchiverMetrics;
  /** Told what the store says of itself. */
  readonly onReport: (report: PutReport) => void;
  /** How hard segments are compressed, from 1 to 9. */
  readonly gzipLevel: number;
  /** Called at each step. */
  readonly atStep?: ((step: ArchiveStep) => void | Promise<void>) | undefined;
}

/** One turn of a stream. */
export interface ArchiveTurn {
  /** Whose lease it is. */
  readonly lease: Lease;
  /** No segment ends behind this entry id, which is published. It may grow. */
  readonly upTo: () => string;
  /** When a segment is full. */
  readonly limits: SegmentLimits;
  /** Whether there is another segment to archive behind an entry id, and this turn may. */
  readonly goesOn: (checkpoint: string) => Promise<boolean>;
  /** Finish what is recorded, and begin nothing. */
  readonly stop: AbortSignal;
  /** Gives up what is in hand. */
  readonly signal: AbortSignal;
  /** Throws when the lease may have run out. */
  readonly holds: () => void;
}

/**
 * Archives segment after segment of a stream: record it, put it, move the checkpoint; while one is put, the next one is made. A segment
 * that a predecessor recorded is written again from the same entries to the same key, so no crash makes an overlap.
 *
 * @returns how many segments were archived
 * @throws {GapError} neither Redis nor the outbox has the next entry
 */
export async function archiveSegments(context: ArchiveContext, turn: ArchiveTurn): Promise<number> {
  const { sql } = context;
  const { lease } = turn;
  const state = await readLease(sql, lease);
  const pending = state?.pendingSegment as SegmentRecord | null | undefined;
  let making: Promise<Segment | undefined> = pending
    ? remakeSegment(context, turn, pending)
    : nextSegment(context, turn, state?.checkpoint ?? lease.checkpoint);
  let archived = 0;
  try {
    for (let recorded = Boolean(pending);; recorded = false) {
      const segment = await making;
      if (segment === undefined || !recorded && turn.stop.aborted) return archived;
      await context.atStep?.("before record");
      if (!recorded) await recordSegment(sql, lease, segment.record);
      making = nextIfAny(context, turn, segment.record.last);
      making.catch(() => {}); // Whoever waits for it is told.
      await putSegment(context, turn, segment);
      await finishSegment(sql, lease, segment.record);
      archived++;
      await context.atStep?.("after finish");
    }
  } finally {
    await making.catch(() => {});
  }
}

async function putSegment(context: ArchiveContext, turn: ArchiveTurn, segment: Segment): Promise<void> {
  const { metrics, store } = context;
  await context.atStep?.("before put");
  turn.signal.throwIfAborted();
  turn.holds();
  const begun = performance.now();
  const report = await store.put(segment.key, segment.body, segment.record, { signal: turn.signal });
  metrics.put(turn.lease.stream, segment, (performance.now() - begun) / 1_000);
  context.onReport(report);
  await context.atStep?.("after put");
}

async function nextIfAny(context: ArchiveContext, turn: ArchiveTurn, after: string): Promise<Segment | undefined> {
  return await turn.goesOn(after) ? await nextSegment(context, turn, after) : undefined;
}

/**
 * Only what stands up to the publisher's checkpoint: an entry behind it was appended by a batch whose commit may be lost together with
 * the entry, and its position given to another one.
 */
async function nextSegment(context: ArchiveContext, turn: ArchiveTurn, after: string): Promise<Segment | undefined> {
  const { lease: { stream }, limits, signal } = turn;
  const upTo = turn.upTo();
  if (parseEntryId(upTo).position <= parseEntryId(after).position) return undefined;
  const writer = new SegmentWriter(stream, context.gzipLevel);
  try {
    let room = limits.bytes;
    for await (const page of readEntries(context, { stream, after, upTo, count: limits.count })) {
      signal.throwIfAborted();
      if (turn.stop.aborted) {
        writer.giveUp();
        return undefined;
      }
      const taken = cutPage(page, writer.first || page[0]!.entryId, room, writer.count === 0);
      await writer.add(page.slice(0, taken));
      if (taken < page.length) break;
      room -= sizeOf(page);
    }
    return await writer.finish();
  } catch (error) {
    // What stands before a gap is archived; the next segment begins there.
    if (error instanceof GapError && writer.count > 0) return await writer.finish();
    writer.giveUp();
    throw error;
  }
}

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { payload, metadata }) => sum + payload.length + metadata.length, 0);
}

/**
 * How many entries of a page still belong to a segment: those of its UTC day, within its size.
 *
 * @param first the segment's first entry id
 * @param room how many bytes may still be added
 * @param empty whether it has none yet, and so takes one of any size
 */
export function cutPage(page: readonly Entry[], first: string, room: number, empty: boolean): number {
  const day = dateOf(first);
  const sameDay = dateOf(page.at(-1)!.entryId) === day;
  let bytes = 0;
  for (const [i, entry] of page.entries()) {
    bytes += entry.payload.length + entry.metadata.length;
    if (bytes > room && !(empty && i === 0)) return i;
    if (!sameDay && dateOf(entry.entryId) !== day) return i;
  }
  return page.length;
}

/** Makes the segment again that was recorded. */
async function remakeSegment(context: ArchiveContext, turn: ArchiveTurn, record: SegmentRecord): Promise<Segment> {
  const { lease: { stream, checkpoint }, signal } = turn;
  const writer = new SegmentWriter(stream, context.gzipLevel);
  try {
    const range = { stream, after: checkpoint, upTo: record.last, count: record.count };
    for await (const page of readEntries(context, range)) {
      signal.throwIfAborted();
      await writer.add(page);
    }
    const segment = await writer.finish();
    if (segment.record.sha256 === record.sha256 && segment.record.first === record.first) return segment;
  } catch (error) {
    writer.giveUp();
    throw error;
  }
  throw new Error(
    `Cannot write the recorded segment ${record.first} to ${record.last} of ${stream}: the stream holds other entries than those that ` +
      "were recorded",
  );
}
