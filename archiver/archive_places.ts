import type { Sql } from "postgres";

/** How far a stream is published, and how far archived. */
export interface ArchivePlace {
  /** The stream. */
  readonly stream: string;
  /** The publisher's checkpoint: entries behind it may still change. */
  readonly published: string;
  /** The archiver's checkpoint; `null` when no archiver has met the stream yet. */
  readonly checkpoint: string | null;
  /** Whether a segment is recorded that nobody has finished. */
  readonly pending: boolean;
  /** Whether another archiver holds the lease. */
  readonly taken: boolean;
}

/** Reads the place of every stream that was ever published to, ordered by name. */
export async function readPlaces(sql: Sql, ownerId: string): Promise<readonly ArchivePlace[]> {
  return await sql<ArchivePlace[]>`
    SELECT p.stream_name AS stream, p.checkpoint AS published, a.checkpoint,
           a.pending_segment IS NOT NULL AS pending,
           coalesce(a.lease_until >= clock_timestamp() AND a.owner_id <> ${ownerId}, false) AS taken
    FROM events.stream_lease AS p
    LEFT JOIN events.stream_lease AS a ON a.stream_name = p.stream_name AND a.role = 'archiver'
    WHERE p.role = 'publisher'
    ORDER BY p.stream_name`;
}

/** Makes streams known as archived ones, from their beginning: nothing of them is trimmed any more before it is archived. */
export async function registerStreams(sql: Sql, streams: readonly string[]): Promise<void> {
  await sql`
    INSERT INTO events.stream_lease (stream_name, role)
    SELECT stream, 'archiver' FROM unnest(${streams as string[]}::text[]) AS stream
    ON CONFLICT (stream_name, role) DO NOTHING`;
}
