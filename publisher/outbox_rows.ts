import type { Envelope } from "@events-pipeline/common";
import type { Sql, TransactionSql } from "postgres";
import { outboxIncarnation } from "./outbox_incarnation.ts";

/** An unpublished row of `events.outbox_event`, and where it lies. */
export interface OutboxRow {
  /** Insert order; a bigint as text. */
  readonly id: string;
  /** Its place in the table, good for as long as the transaction that read it: how the row is marked. */
  readonly ctid: string;
  /** What it sends. */
  readonly envelope: Envelope;
  /** The payload's length. */
  readonly payloadBytes: number;
}

/** How much one batch may take. */
export interface BatchLimits {
  /** Rows. */
  readonly rows: number;
  /** Bytes of payload; a single row may exceed it. */
  readonly bytes: number;
}

/** The columns that make an envelope, first in every list of columns below. */
type EnvelopeColumns = readonly [eventId: string, eventType: string, payload: string, metadata: string, created: Date];

/** Rows that make one batch. */
export interface OutboxBatch {
  /** The rows, in insert order. */
  readonly rows: readonly OutboxRow[];
  /** Whether a limit ended it, so that there may be more. */
  readonly full: boolean;
}

/**
 * Reads the next unpublished rows of a stream in insert order. At least one, if there is one.
 *
 * @param tx a transaction of one snapshot (REPEATABLE READ), if more than one batch is read in it: `after` would otherwise
 * skip a row that was inserted earlier and committed later
 * @param after rows up to this id are known to be read or settled
 */
export async function readUnpublished(
  tx: TransactionSql,
  stream: string,
  after: string,
  limits: BatchLimits,
): Promise<OutboxBatch> {
  const rows = await tx<Record<string, unknown>[]>`
    SELECT event_id, event_type, payload::text, metadata::text, created_at, id, ctid::text, payload_bytes
    FROM (
      SELECT ctid, id, event_id, event_type, payload, metadata, created_at, payload_bytes,
             sum(payload_bytes) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) - payload_bytes AS bytes_before
      FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NULL AND id > ${after}
      ORDER BY id LIMIT ${limits.rows}
    ) AS batch
    WHERE bytes_before < ${limits.bytes}
    ORDER BY id`.values() as unknown as [...EnvelopeColumns, id: string, ctid: string, bytes: number][];
  const bytes = rows.reduce((sum, row) => sum + row[7], 0);
  return {
    rows: rows.map((row) => ({ id: row[5], ctid: row[6], payloadBytes: row[7], envelope: toEnvelope(stream, row) })),
    full: rows.length >= limits.rows || bytes >= limits.bytes,
  };
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

/**
 * Marks the unpublished rows of these events as published. A batch whose commit was lost was the oldest of its time, so it is
 * looked for among the oldest rows first, and among all only when it is not whole there.
 *
 * @returns how many there were
 */
export async function markEventsPublished(
  tx: TransactionSql,
  stream: string,
  entries: readonly { readonly eventId: string; readonly entryId: string }[],
): Promise<number> {
  const eventIds = entries.map((entry) => entry.eventId);
  const entryIds = entries.map((entry) => entry.entryId);
  const mark = async (among: number | null): Promise<number> => {
    const { count } = await tx`
      UPDATE events.outbox_event AS o
      SET published_at = clock_timestamp(), stream_entry_id = e.entry_id
      FROM unnest(${eventIds}::text[]::uuid[], ${entryIds}::text[]) AS e(event_id, entry_id)
      JOIN (SELECT ctid, event_id FROM events.outbox_event
            WHERE stream_name = ${stream} AND published_at IS NULL ORDER BY id LIMIT ${among}) AS oldest USING (event_id)
      WHERE o.ctid = oldest.ctid`;
    return count;
  };
  const found = await mark(entries.length * 2 + 1_000);
  return found === entries.length ? found : found + await mark(null);
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
  const rows = await tx<Record<string, unknown>[]>`
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
    ORDER BY stream_position`.values() as unknown as [...EnvelopeColumns, entryId: string][];
  return rows.map((row) => ({ entryId: row[5], envelope: toEnvelope(stream, row) }));
}

function toEnvelope(
  stream: string,
  [eventId, eventType, payload, metadata, created]: readonly [...EnvelopeColumns, ...unknown[]],
): Envelope {
  return { eventId, stream, eventType, time: created.toISOString(), metadata, payload };
}

/** Where a stream's unpublished rows begin: rows up to `floor` are settled, so no look-up has to pass over them. */
export interface StreamFloor {
  /** The stream. */
  readonly stream: string;
  /** An id; a bigint as text. */
  readonly floor: string;
}

/** A stream that has unpublished rows. */
export interface BackloggedStream {
  /** The stream. */
  readonly stream: string;
  /** The id of the oldest of them; a bigint as text. */
  readonly oldest: string;
}

/** The streams that have unpublished rows, and who says so. */
export interface BackloggedStreams {
  /** Each with its oldest row. */
  readonly backlogged: readonly BackloggedStream[];
  /** The session's backend. */
  readonly backendPid: number;
  /** Which run of which server it is, and which life of the table. */
  readonly incarnation: string;
  /** The highest id that was given out; a bigint as text. */
  readonly lastId: string;
}

/**
 * Names the streams that have unpublished rows: the known ones by a look-up above their floor, new ones by a look-up between each
 * two known names. So it costs two look-ups a stream, whatever the backlog, and whatever dead index entries the floors pass over.
 */
export async function readBackloggedStreams(sql: Sql, known: readonly StreamFloor[]): Promise<BackloggedStreams> {
  const rows = await sql<
    { stream_name: string | null; oldest: string | null; backend_pid: number; incarnation: string; last_id: string }[]
  >`
    WITH known AS (
      SELECT stream, floor, lead(stream) OVER (ORDER BY stream) AS next
      FROM unnest(${known.map((k) => k.stream)}::text[], ${
    known.map((k) => k.floor)
  }::text[]::bigint[]) AS k(stream, floor)
    ), backlogged AS (
      SELECT stream AS stream_name, o.id AS oldest FROM known
      CROSS JOIN LATERAL (SELECT o.id FROM events.outbox_event o
                          WHERE o.published_at IS NULL AND o.stream_name = known.stream AND o.id > known.floor
                          ORDER BY o.id LIMIT 1) AS o
      UNION ALL
      SELECT o.stream_name, o.oldest
      FROM (SELECT stream, next FROM known UNION ALL SELECT '', min(stream) FROM known) AS gap
      CROSS JOIN LATERAL (
        WITH RECURSIVE hop(stream_name, oldest) AS (
          SELECT gap.stream, NULL::bigint
          UNION ALL
          SELECT o.stream_name, o.id FROM hop CROSS JOIN LATERAL (
            (SELECT o.stream_name, o.id FROM events.outbox_event o
             WHERE gap.next IS NULL AND o.published_at IS NULL AND o.stream_name > hop.stream_name
             ORDER BY o.stream_name, o.id LIMIT 1)
            UNION ALL
            (SELECT o.stream_name, o.id FROM events.outbox_event o
             WHERE o.published_at IS NULL AND o.stream_name > hop.stream_name AND o.stream_name < gap.next
             ORDER BY o.stream_name, o.id LIMIT 1)
          ) AS o
        )
        SELECT stream_name, oldest FROM hop WHERE stream_name <> gap.stream
      ) AS o
    )
    SELECT b.stream_name, b.oldest::text, always.*
    FROM (SELECT pg_backend_pid() AS backend_pid,
                  coalesce(pg_sequence_last_value('events.outbox_event_id_seq'), 0)::text AS last_id,
                  ${outboxIncarnation(sql)} AS incarnation
           OFFSET 0) AS always LEFT JOIN backlogged b ON true`;
  return {
    backlogged: rows.flatMap(({ stream_name: stream, oldest }) =>
      stream === null || oldest === null ? [] : [{ stream, oldest }]
    ),
    backendPid: rows[0]!.backend_pid,
    incarnation: rows[0]!.incarnation,
    lastId: rows[0]!.last_id,
  };
}

/** How far the publishing of a stream is behind. */
export interface Backlog {
  /** The stream. */
  readonly stream: string;
  /** Unpublished rows, counted up to a limit. */
  readonly rows: number;
  /** How long the oldest of them has waited, in seconds. */
  readonly seconds: number;
}

/**
 * Measures the backlog of streams. It counts, so it is for people and boards, not for every round.
 *
 * @param limit how many rows are counted of each stream @default a million
 */
export async function readBacklogs(
  sql: Sql,
  known: readonly StreamFloor[],
  limit: number = 1_000_000,
): Promise<readonly Backlog[]> {
  const rows = await sql<{ stream: string; rows: number; seconds: number }[]>`
    SELECT k.stream,
           (SELECT count(*)::int FROM (SELECT FROM events.outbox_event o
              WHERE o.published_at IS NULL AND o.stream_name = k.stream AND o.id > k.floor LIMIT ${limit}) AS waiting) AS rows,
           coalesce((SELECT extract(epoch FROM clock_timestamp() - o.created_at) FROM events.outbox_event o
              WHERE o.published_at IS NULL AND o.stream_name = k.stream AND o.id > k.floor
              ORDER BY o.id LIMIT 1), 0)::float8 AS seconds
    FROM unnest(${known.map((k) => k.stream)}::text[], ${
    known.map((k) => k.floor)
  }::text[]::bigint[]) AS k(stream, floor)`;
  return rows;
}

/** The oldest unpublished row of each of these streams; `null` where there is none. */
export async function readOldestUnpublished(
  sql: Sql,
  known: readonly StreamFloor[],
): Promise<readonly { readonly stream: string; readonly id: string | null }[]> {
  return await sql<{ stream: string; id: string | null }[]>`
    SELECT k.stream,
           (SELECT o.id::text FROM events.outbox_event o
            WHERE o.published_at IS NULL AND o.stream_name = k.stream AND o.id > k.floor ORDER BY o.id LIMIT 1) AS id
    FROM unnest(${known.map((k) => k.stream)}::text[], ${
    known.map((k) => k.floor)
  }::text[]::bigint[]) AS k(stream, floor)`;
}
