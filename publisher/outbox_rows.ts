import type { Envelope } from "@events-pipeline/common";
import type { Sql, TransactionSql } from "postgres";

/** An unpublished row of `events.outbox_event`, and where it lies. */
export interface OutboxRow {
  /** Its place in the table, good for as long as the transaction that read it: how the row is marked. */
  readonly ctid: string;
  /** What it sends. */
  readonly envelope: Envelope;
}

/** How much one batch may take. */
export interface BatchLimits {
  /** Rows. */
  readonly rows: number;
  /** Bytes of payload; a single row may exceed it. */
  readonly bytes: number;
}

interface Columns {
  readonly ctid: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly payload: string;
  readonly metadata: string;
  readonly created_at: Date;
  readonly stream_entry_id: string;
}

/**
 * Names the streams that have unpublished rows. Hops from one stream to the next along the partial index, so it costs a look-up
 * a stream, whatever the backlog.
 */
export async function readBackloggedStreams(sql: Sql): Promise<{ streams: string[]; backendPid: number }> {
  const rows = await sql<{ stream_name: string | null; backend_pid: number }[]>`
    WITH RECURSIVE backlog(stream_name) AS (
      (SELECT stream_name FROM events.outbox_event WHERE published_at IS NULL ORDER BY stream_name LIMIT 1)
      UNION ALL
      SELECT (SELECT o.stream_name FROM events.outbox_event o
              WHERE o.published_at IS NULL AND o.stream_name > b.stream_name ORDER BY o.stream_name LIMIT 1)
      FROM backlog b WHERE b.stream_name IS NOT NULL
    )
    SELECT b.stream_name, pg_backend_pid() AS backend_pid
    FROM (SELECT 1) AS always LEFT JOIN backlog b ON b.stream_name IS NOT NULL`;
  const streams = rows.flatMap((row) => row.stream_name === null ? [] : [row.stream_name]);
  return { streams, backendPid: rows[0]!.backend_pid };
}

/** Reads the next unpublished rows of a stream in insert order. At least one, if there is one. */
export async function readUnpublished(tx: TransactionSql, stream: string, limits: BatchLimits): Promise<OutboxRow[]> {
  const rows = await tx<Columns[]>`
    SELECT ctid::text, event_id, event_type, payload::text, metadata::text, created_at
    FROM (
      SELECT ctid, id, event_id, event_type, payload, metadata, created_at,
             sum(payload_bytes) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - payload_bytes AS bytes_before
      FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NULL
      ORDER BY id LIMIT ${limits.rows}
    ) AS batch
    WHERE bytes_before < ${limits.bytes}
    ORDER BY id`;
  return rows.map((row) => ({ ctid: row.ctid, envelope: toEnvelope(stream, row) }));
}

/** Marks rows that the same transaction has read as published. */
export async function markPublished(
  tx: TransactionSql,
  rows: readonly OutboxRow[],
  entryIds: readonly string[],
): Promise<void> {
  const { count } = await tx`
    UPDATE events.outbox_event AS o
    SET published_at = clock_timestamp(), stream_entry_id = e.entry_id
    FROM unnest(${rows.map((row) => row.ctid)}::text[]::tid[], ${entryIds}::text[]) AS e(ctid, entry_id)
    WHERE o.ctid = e.ctid`;
  if (count !== rows.length) {
    throw new Error(
      `Cannot mark ${rows.length} rows as published: ${rows.length - count} changed while they were appended`,
    );
  }
}

/** Marks the unpublished rows of these events as published. @returns how many there were */
export async function markEventsPublished(
  tx: TransactionSql,
  stream: string,
  entries: readonly { readonly eventId: string; readonly entryId: string }[],
): Promise<number> {
  const { count } = await tx`
    UPDATE events.outbox_event AS o
    SET published_at = clock_timestamp(), stream_entry_id = e.entry_id
    FROM unnest(${entries.map((e) => e.eventId)}::text[]::uuid[], ${entries.map((e) => e.entryId)}::text[])
      AS e(event_id, entry_id)
    WHERE o.stream_name = ${stream} AND o.published_at IS NULL AND o.event_id = e.event_id`;
  return count;
}

/** A published row with the entry id it had. */
export interface PublishedRow {
  /** `<ms>-<position>`. */
  readonly entryId: string;
  /** What it sent. */
  readonly envelope: Envelope;
}

/** Reads published rows of a stream by position, after one and up to another. At least one, if there is one. */
export async function readPublished(
  tx: TransactionSql,
  stream: string,
  range: { readonly after: number; readonly upTo: number },
  limits: BatchLimits,
): Promise<PublishedRow[]> {
  const rows = await tx<Columns[]>`
    SELECT event_id, event_type, payload::text, metadata::text, created_at, stream_entry_id
    FROM (
      SELECT event_id, event_type, payload, metadata, created_at, stream_entry_id, stream_position,
             sum(payload_bytes) OVER (ORDER BY stream_position ROWS UNBOUNDED PRECEDING) - payload_bytes AS bytes_before
      FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL
        AND stream_position > ${range.after} AND stream_position <= ${range.upTo}
      ORDER BY stream_position LIMIT ${limits.rows}
    ) AS page
    WHERE bytes_before < ${limits.bytes}
    ORDER BY stream_position`;
  return rows.map((row) => ({ entryId: row.stream_entry_id, envelope: toEnvelope(stream, row) }));
}

function toEnvelope(stream: string, row: Columns): Envelope {
  return {
    eventId: row.event_id,
    stream,
    eventType: row.event_type,
    time: row.created_at.toISOString(),
    metadata: row.metadata,
    payload: row.payload,
  };
}
