import { compareEntryIds, type Entry, fromStreamFields, parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import { type Lease, readLease } from "@events-pipeline/common/lease";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import type { ObjectStore } from "./object_store.ts";
import { cutSegment, makeSegment, type Segment, type SegmentLimits, type SegmentRecord } from "./segment.ts";
import { finishSegment, recordSegment } from "./segment_record.ts";

/** What archiving works with. */
export interface ArchiveContext {
  readonly sql: Sql;
  readonly redis: RedisConnection;
  readonly store: ObjectStore;
  readonly limits: SegmentLimits;
  /** How old the first entry of a segment that is not full must be, in milliseconds. */
  readonly segmentAgeMs: number;
  readonly now: () => number;
}

/**
 * Archives one segment of a stream: record it, put it, move the checkpoint. A segment that a predecessor recorded is written
 * again from the same entries to the same key, so no crash makes an overlap.
 *
 * @returns whether there was one to archive
 */
export async function archiveSegment(context: ArchiveContext, lease: Lease): Promise<boolean> {
  const { sql, store } = context;
  const state = await readLease(sql, lease);
  const pending = state?.pendingSegment as SegmentRecord | null | undefined;
  const segment = pending
    ? await rebuildSegment(context, lease.stream, pending)
    : await nextSegment(context, lease.stream, state!.checkpoint);
  if (segment === undefined) return false;
  if (!pending) await recordSegment(sql, lease, segment.record);
  await store.put(segment.key, segment.body, segment.record);
  await finishSegment(sql, lease, segment.record);
  return true;
}

/**
 * Only what stands up to the publisher's checkpoint: an entry behind it was appended by a batch whose commit may be lost together with
 * the entry, and its position given to another one.
 */
async function nextSegment(context: ArchiveContext, stream: string, checkpoint: string): Promise<Segment | undefined> {
  const published = (await readLease(context.sql, { stream, role: "publisher" }))?.checkpoint ?? ZERO_ENTRY_ID;
  if (compareEntryIds(published, checkpoint) <= 0) return undefined;
  const entries = await readRange(context.redis, stream, `(${checkpoint}`, published, context.limits.count);
  if (entries.length === 0) {
    throw new Error(`Cannot archive ${stream} on from ${checkpoint}: Redis has lost the entries up to ${published}`);
  }
  const { entries: taken, full } = cutSegment(stream, checkpoint, entries, context.limits);
  if (!full && context.now() - parseEntryId(taken[0]!.entryId).ms < context.segmentAgeMs) return undefined;
  return await makeSegment(stream, taken);
}

async function rebuildSegment(context: ArchiveContext, stream: string, record: SegmentRecord): Promise<Segment> {
  const entries = await readRange(context.redis, stream, record.first, record.last, record.count + 1);
  const segment = entries.length === 0 ? undefined : await makeSegment(stream, entries);
  if (segment?.record.sha256 === record.sha256 && segment.record.count === record.count) return segment;
  throw new Error(
    `Cannot write the recorded segment ${record.first} to ${record.last} of ${stream}: the stream has ${entries.length} of its ` +
      `${record.count} entries, or others`,
  );
}

async function readRange(
  redis: RedisConnection,
  stream: string,
  from: string,
  to: string,
  count: number,
): Promise<Entry[]> {
  const reply = await redis.call("XRANGE", stream, from, to, "COUNT", count) as [string, string[]][];
  return reply.map(([entryId, fields]) => fromStreamFields(stream, entryId, fields));
}
