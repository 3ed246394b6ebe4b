import { type Lease, LeaseLostError } from "@events-pipeline/common/lease";
import type { Sql } from "postgres";
import type { SegmentRecord } from "./segment.ts";

/** Records the segment that is about to be written. @throws {LeaseLostError} another archiver has taken over */
export async function recordSegment(sql: Sql, lease: Lease, record: SegmentRecord): Promise<void> {
  const { count } = await sql`
    UPDATE events.stream_lease SET pending_segment = ${
    JSON.stringify(record)
  }::text::json, updated_at = clock_timestamp()
    WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}`;
  if (count === 0) throw new LeaseLostError(lease);
}

/** Moves the checkpoint past a segment that is written. @throws {LeaseLostError} another archiver has taken over */
export async function finishSegment(sql: Sql, lease: Lease, record: SegmentRecord): Promise<void> {
  const { count } = await sql`
    UPDATE events.stream_lease SET checkpoint = ${record.last}, pending_segment = NULL, updated_at = clock_timestamp()
    WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}`;
  if (count === 0) throw new LeaseLostError(lease);
}
