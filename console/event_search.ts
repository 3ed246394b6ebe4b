import { transaction } from "@events-pipeline/common/transaction";
import type { Sql } from "postgres";
import type { WholeEvent } from "./find_event.ts";

/** How long a search may take. */
const SEARCH_MS = 5_000;

/** An event that was found in the outbox. */
export interface FoundEvent {
  readonly id: string;
  readonly type: string;
  readonly position: number | null;
  readonly createdAt: Date;
  readonly publishedAt: Date | null;
}

/** Which events are searched. */
export interface EventSearch {
  readonly stream: string;
  readonly type?: string | undefined;
  /** Sent at this time or later. */
  readonly since?: Date | undefined;
  /** Sent before this time. */
  readonly until?: Date | undefined;
  /** Only in front of this position: the last one of the page before. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/**
 * Reads published events of a stream, the newest first, along the index of their positions.
 *
 * @throws {Error} it takes too long
 */
export async function searchEvents(outbox: Sql, search: EventSearch): Promise<readonly FoundEvent[]> {
  const { stream, type, since, until, before, limit } = search;
  return await limited(outbox, (tx) =>
    tx<FoundEvent[]>`
      SELECT event_id AS id, event_type AS type, stream_position::float8 AS position, created_at AS "createdAt",
             published_at AS "publishedAt"
      FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NOT NULL
        ${before === undefined ? tx`` : tx`AND stream_position < ${before}`}
        ${type === undefined ? tx`` : tx`AND event_type = ${type}`}
        ${since === undefined ? tx`` : tx`AND created_at >= ${since}`}
        ${until === undefined ? tx`` : tx`AND created_at < ${until}`}
      ORDER BY stream_position DESC LIMIT ${limit}`);
}

/**
 * Reads an event. The outbox has no index of ids, so it is read from end to end.
 *
 * @throws {Error} it takes too long
 */
export async function readEvent(outbox: Sql, id: string): Promise<WholeEvent | undefined> {
  const [row] = await limited(outbox, (tx) =>
    tx<EventRow[]>`
      SELECT event_id AS "eventId", event_type AS "eventType", stream_name AS stream, created_at AS "sentAt",
             published_at AS "publishedAt", stream_entry_id AS "entryId", payload_bytes AS "payloadBytes",
             payload::text, metadata::text
      FROM events.outbox_event WHERE event_id = ${id} LIMIT 1`);
  if (row === undefined) return undefined;
  return { ...row, publishedAt: row.publishedAt ?? undefined, entryId: row.entryId ?? undefined, inOutbox: true };
}

type EventRow =
  & Omit<WholeEvent, "publishedAt" | "entryId" | "inOutbox">
  & { readonly publishedAt: Date | null; readonly entryId: string | null };

/** Runs a query that may not take long. */
async function limited<T>(sql: Sql, query: (tx: Sql) => PromiseLike<T>): Promise<T> {
  return await transaction(sql, {}, async (tx) => {
    await tx.unsafe(`SET LOCAL statement_timeout = ${SEARCH_MS}`);
    return await query(tx as unknown as Sql);
  });
}
