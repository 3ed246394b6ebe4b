import type { Sql, TransactionSql } from "postgres";
import type { TextForm } from "./digest.ts";
import type { PositionRange } from "./position_set.ts";

/** A published row, as far as it tells what an entry must be. */
export interface KnownRow {
  /** Its position. */
  readonly position: number;
  /** The entry id that it was published under. */
  readonly entryId: string;
  /** Its event's id. */
  readonly eventId: string;
  /** Its event's type. */
  readonly eventType: string;
}

/** A published row with what it sent. */
export interface ComparedRow extends KnownRow {
  /** When it was sent. */
  readonly time: string;
  /** What `digestOf` makes of its metadata and payload. */
  readonly digest: string;
}

/** Reads the published rows at these positions. PostgreSQL makes the digests, so payloads do not travel. */
export async function readRowsAt(
  sql: Sql,
  stream: string,
  positions: readonly number[],
  form: TextForm,
): Promise<ReadonlyMap<number, ComparedRow>> {
  const rows = await sql<
    { position: string; entry_id: string; event_id: string; type: string; at: Date; digest: string }[]
  >`
    SELECT stream_position AS position, stream_entry_id AS entry_id, event_id, event_type AS type, created_at AS at,
           encode(sha256(convert_to(CASE WHEN ${form === "one line"}
             THEN regexp_replace(metadata::text, E'[\\\\r\\\\n]+', ' ', 'g') || E'\\n' ||
                  regexp_replace(payload::text, E'[\\\\r\\\\n]+', ' ', 'g')
             ELSE metadata::text || E'\\n' || payload::text END, 'UTF8')), 'hex') AS digest
    FROM unnest(${positions.map(String)}::text[]::bigint[]) AS wanted(position)
    CROSS JOIN LATERAL (
      SELECT * FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL AND stream_position = wanted.position LIMIT 1
    ) AS o`;
  return new Map(rows.map((row) => [Number(row.position), {
    position: Number(row.position),
    entryId: row.entry_id,
    eventId: row.event_id,
    eventType: row.type,
    time: row.at.toISOString(),
    digest: row.digest,
  }]));
}

/** Rows a page. */
const PAGE_ROWS = 5_000;

/** Reads the published rows of a range of positions in their order, page by page. */
export async function* rowPages(
  sql: Sql,
  stream: string,
  range: PositionRange,
  limit: number = Infinity,
): AsyncGenerator<readonly KnownRow[]> {
  for (let after = range.first - 1, left = limit; after < range.last && left > 0;) {
    const rows = await sql<{ position: string; entry_id: string; event_id: string; type: string }[]>`
      SELECT stream_position AS position, stream_entry_id AS entry_id, event_id, event_type AS type
      FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL
        AND stream_position > ${after} AND stream_position <= ${range.last}
      ORDER BY stream_position LIMIT ${Math.min(PAGE_ROWS, left)}`;
    if (rows.length === 0) return;
    yield rows.map((row) => ({
      position: Number(row.position),
      entryId: row.entry_id,
      eventId: row.event_id,
      eventType: row.type,
    }));
    after = Number(rows.at(-1)!.position);
    left -= rows.length;
  }
}

/** How many published rows there are in these ranges of positions. */
export async function countRows(sql: Sql, stream: string, ranges: readonly PositionRange[]): Promise<number> {
  const [row] = await sql<{ rows: string }[]>`
    SELECT coalesce(sum(held.rows), 0) AS rows
    FROM unnest(${ranges.map(({ first }) => String(first))}::text[]::bigint[],
                ${ranges.map(({ last }) => String(last))}::text[]::bigint[]) AS range(first, last)
    CROSS JOIN LATERAL (
      SELECT count(*) AS rows FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL
        AND stream_position >= range.first AND stream_position <= range.last
    ) AS held`;
  return Number(row!.rows);
}

/** Where the outbox has an event. */
export interface EventHome {
  /** Its position; `undefined` when it is not published. */
  readonly position: number | undefined;
  /** Its type. */
  readonly eventType: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Finds events by their ids. No index helps, so it reads the whole outbox: for what is odd, and many at once. */
export async function findEvents(
  sql: Sql,
  stream: string,
  eventIds: readonly string[],
): Promise<ReadonlyMap<string, EventHome>> {
  const ids = eventIds.filter((id) => UUID.test(id));
  if (ids.length === 0) return new Map();
  const rows = await sql<{ event_id: string; position: string | null; type: string }[]>`
    SELECT event_id, stream_position AS position, event_type AS type FROM events.outbox_event
    WHERE stream_name = ${stream} AND event_id = ANY(${ids}::text[]::uuid[])
    ORDER BY stream_position DESC NULLS FIRST`;
  return new Map(rows.map((row) => [row.event_id, {
    position: row.position === null ? undefined : Number(row.position),
    eventType: row.type,
  }]));
}

/** Which of these events are not published, in the snapshot of a transaction. */
export async function findUnpublished(
  tx: TransactionSql,
  stream: string,
  eventIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await tx<{ event_id: string }[]>`
    SELECT event_id FROM events.outbox_event
    WHERE stream_name = ${stream} AND published_at IS NULL
      AND event_id = ANY(${eventIds.filter((id) => UUID.test(id))}::text[]::uuid[])`;
  return new Set(rows.map((row) => row.event_id));
}

/** How many rows of a stream are not published. */
export async function countBacklog(sql: Sql, stream: string): Promise<number> {
  const [row] = await sql<{ rows: string }[]>`
    SELECT count(*) AS rows FROM events.outbox_event WHERE stream_name = ${stream} AND published_at IS NULL`;
  return Number(row!.rows);
}

/** Some events, and how many there are of their kind. */
export interface CountedEvents {
  readonly count: number;
  readonly eventIds: readonly string[];
}

/** Events that are marked as published and have no entry id: no publisher did that. */
export async function findUnnumbered(sql: Sql, stream: string, examples: number): Promise<CountedEvents> {
  const rows = await sql<{ event_id: string; total: string }[]>`
    SELECT event_id, count(*) OVER () AS total FROM events.outbox_event
    WHERE stream_name = ${stream} AND published_at IS NOT NULL AND stream_position IS NULL
    ORDER BY id LIMIT ${Math.max(1, examples)}`;
  return { count: Number(rows[0]?.total ?? 0), eventIds: rows.map((row) => row.event_id) };
}

/** Events that have more than one row; each surplus one is counted. PostgreSQL sorts them, on its disk where they are many. */
export async function findDoubled(sql: Sql, stream: string, examples: number): Promise<CountedEvents> {
  const rows = await sql<{ event_id: string; total: string }[]>`
    SELECT event_id, sum(count(*) - 1) OVER () AS total FROM events.outbox_event
    WHERE stream_name = ${stream} GROUP BY event_id HAVING count(*) > 1
    ORDER BY min(id) LIMIT ${Math.max(1, examples)}`;
  return { count: Number(rows[0]?.total ?? 0), eventIds: rows.map((row) => row.event_id) };
}

/** All events of a stream, published ones in the stream's order and then the others in insert order. One snapshot, for any number. */
export async function* eventIdPages(tx: TransactionSql, stream: string): AsyncGenerator<readonly string[]> {
  const pages = tx<{ event_id: string }[]>`
    SELECT event_id FROM events.outbox_event WHERE stream_name = ${stream}
    ORDER BY stream_position NULLS LAST, id`.cursor(PAGE_ROWS);
  for await (const rows of pages) yield rows.map((row) => row.event_id);
}

/** Every stream that has unpublished rows: one look-up a stream. */
export async function backloggedStreams(sql: Sql): Promise<readonly string[]> {
  const rows = await sql<{ stream_name: string }[]>`
    WITH RECURSIVE hop(stream_name) AS (
      SELECT ''
      UNION ALL
      SELECT (SELECT o.stream_name FROM events.outbox_event o
              WHERE o.published_at IS NULL AND o.stream_name > hop.stream_name ORDER BY o.stream_name LIMIT 1)
      FROM hop WHERE hop.stream_name IS NOT NULL
    )
    SELECT stream_name FROM hop WHERE stream_name <> ''`;
  return rows.map((row) => row.stream_name);
}
