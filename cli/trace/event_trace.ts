import { compareEntryIds, parseEntryId } from "@events-pipeline/common";
import { describeError } from "@events-pipeline/common/logger";
import { transaction } from "@events-pipeline/common/transaction";
import { type ArchivedSegment, listSegments, listStreams, type ObjectStore } from "@events-pipeline/archiver";
import { findEvent } from "@events-pipeline/archiver/tools";
import { type ConsumerStatus, readConsumers } from "@events-pipeline/consumer/control";
import type { Sql } from "postgres";
import type { OverviewSources } from "../status/overview.ts";

/** What became of an event with one consumer. */
export type ConsumerHop =
  & { readonly consumer: string }
  & (
    /** It was handled. */
    | { readonly kind: "handled"; readonly at: Date }
    /** It was set aside; `redriving` when it is to be handled once more. */
    | { readonly kind: "dead letter"; readonly at: Date; readonly reason: string; readonly redriving: boolean }
    /** It fails, and is tried again. */
    | {
      readonly kind: "failing";
      readonly since: Date;
      readonly attempts: number;
      readonly retryAt: Date;
      readonly error: string;
    }
    /** The consumer has not come to it: so many events are before it. */
    | { readonly kind: "waiting"; readonly before: number; readonly state: ConsumerStatus["state"] }
    /** The consumer is past it, and nothing is noted: it does not want the type, began behind it, or the note was pruned. */
    | { readonly kind: "passed over" }
  );

/** Where an event went, and when. */
export interface EventTrace {
  /** Its id. */
  readonly eventId: string;
  /** Its stream. */
  readonly stream: string;
  /** Its type. */
  readonly eventType: string;
  /** When it was sent. */
  readonly sentAt: Date;
  /** The payload's length in bytes; `undefined` when only the archive has the event. */
  readonly payloadBytes: number | undefined;
  /** Its place in the stream; `undefined` while it is not published. */
  readonly entryId: string | undefined;
  /** When the outbox row was marked as published; `undefined` when it is not, or when the outbox no longer has it. */
  readonly publishedAt: Date | undefined;
  /** Whether the outbox still has its row. */
  readonly inOutbox: boolean;
  /** Whether Redis still has its entry; `undefined` when Redis does not answer. */
  readonly inRedis: boolean | undefined;
  /** Why Redis does not answer; `undefined` when it does, or was not asked. */
  readonly redisFault: string | undefined;
  /** What each consumer of the stream did. */
  readonly consumers: readonly ConsumerHop[];
  /** The object of the archive that holds it; `undefined` when there is none, or no archive was named. */
  readonly segment: ArchivedSegment | undefined;
}

/** What a trace is read from. */
export interface TraceSources extends OverviewSources {
  /** The archive. @default none */
  readonly store?: ObjectStore | undefined;
}

/** How an event is searched for. */
export interface TraceSearch {
  /** A pool on the producers' database that waits for an answer for longer than `limitMs`. @default the sources' `sql` */
  readonly sql?: Sql | undefined;
  /** How long the server may look through the outbox, in milliseconds. Then it ends that. @default 5 minutes */
  readonly limitMs?: number | undefined;
  /** Called with what is looked through next; with `undefined` when the search is over. @default nothing */
  readonly onPlace?: ((place: "the outbox" | "the archive" | undefined) => void) | undefined;
}

/** The outbox was looked through for too long. */
export class SearchLimitError extends Error {
  override readonly name = "SearchLimitError";

  constructor(eventId: string, limitMs: number, cause: unknown) {
    super(`Cannot find the event ${eventId} in the outbox within ${limitMs / 1_000} s: it needs longer`, { cause });
  }
}

const SEARCH_MS = 5 * 60_000;

/** PostgreSQL's code of a statement that it has ended. */
const ENDED = "57014";

/**
 * Finds an event, and what became of it, changing nothing. It may be read as `events_observer`.
 *
 * The outbox has no index for it, which would cost every writer: its rows are looked through, and after them the archive, from the time that
 * the event's id tells.
 *
 * @returns `undefined` when neither has the event
 * @throws {SearchLimitError} the outbox is so large that the search took too long
 * @throws {Error} PostgreSQL or the archive does not answer, or refuses
 */
export async function traceEvent(
  sources: TraceSources,
  eventId: string,
  { sql = sources.sql, limitMs = SEARCH_MS, onPlace }: TraceSearch = {},
): Promise<EventTrace | undefined> {
  onPlace?.("the outbox");
  let found = await findInOutbox(sql, eventId, limitMs);
  if (found === undefined && sources.store !== undefined) {
    onPlace?.("the archive");
    found = await findInArchive(sources.store, eventId);
  }
  onPlace?.(undefined);
  return found === undefined ? undefined : await traceFound(sources, found);
}

/** Tells what became of an event that was found. */
export async function traceFound(sources: TraceSources, found: FoundEvent): Promise<EventTrace> {
  const { redis, store } = sources;
  const { eventId, stream, entryId } = found;
  if (entryId === undefined) {
    return { ...found, inRedis: false, redisFault: undefined, consumers: [], segment: undefined };
  }
  const [inRedis, consumers, segment] = await Promise.all([
    redis.call("XRANGE", stream, entryId, entryId).then(
      (entries) => ({ inRedis: (entries as unknown[]).length > 0, redisFault: undefined }),
      (error) => ({ inRedis: undefined, redisFault: describeError(error) }),
    ),
    readConsumerHops(sources.consumerSql, { eventId, stream, entryId }),
    store === undefined ? undefined : findSegment(store, stream, entryId),
  ]);
  return { ...found, ...inRedis, consumers, segment };
}

/** An event that the outbox or the archive has. */
export type FoundEvent = Omit<EventTrace, "inRedis" | "redisFault" | "consumers" | "segment">;

interface OutboxRow {
  readonly stream_name: string;
  readonly event_type: string;
  readonly payload_bytes: number;
  readonly created_at: Date;
  readonly published_at: Date | null;
  readonly stream_entry_id: string | null;
}

/** The server ends the search itself, for it would go on for a client that has given up. */
async function readOutboxRow(sql: Sql, eventId: string, limitMs: number): Promise<OutboxRow | undefined> {
  return await transaction(sql, {}, async (tx) => {
    await tx`SELECT set_config('statement_timeout', ${String(limitMs)}, true)`;
    const [row] = await tx<OutboxRow[]>`
      SELECT stream_name, event_type, payload_bytes, created_at, published_at, stream_entry_id
      FROM events.outbox_event WHERE event_id = ${eventId} LIMIT 1`;
    return row;
  });
}

async function findInOutbox(sql: Sql, eventId: string, limitMs: number): Promise<FoundEvent | undefined> {
  const row = await readOutboxRow(sql, eventId, limitMs).catch((error) => {
    throw error?.code === ENDED ? new SearchLimitError(eventId, limitMs, error) : error;
  });
  if (row === undefined) return undefined;
  return {
    eventId,
    stream: row.stream_name,
    eventType: row.event_type,
    sentAt: row.created_at,
    payloadBytes: row.payload_bytes,
    entryId: row.stream_entry_id ?? undefined,
    publishedAt: row.published_at ?? undefined,
    inOutbox: true,
  };
}

async function findInArchive(store: ObjectStore, eventId: string): Promise<FoundEvent | undefined> {
  for await (const stream of listStreams(store)) {
    const entry = await findEvent(store, stream, eventId, {});
    if (entry === undefined) continue;
    const { eventType, time, entryId } = entry;
    const payloadBytes = new TextEncoder().encode(entry.payload).length;
    const sentAt = new Date(time);
    return { eventId, stream, eventType, sentAt, payloadBytes, entryId, publishedAt: undefined, inOutbox: false };
  }
  return undefined;
}

interface PublishedEvent {
  readonly eventId: string;
  readonly stream: string;
  readonly entryId: string;
}

async function readConsumerHops(sql: Sql, event: PublishedEvent): Promise<readonly ConsumerHop[]> {
  const { eventId, stream } = event;
  const consumers = (await readConsumers(sql)).filter((consumer) => consumer.stream === stream);
  const names = consumers.map(({ consumer }) => consumer);
  const [handled, dead] = await Promise.all([
    sql<{ consumer: string; at: Date }[]>`
      SELECT consumer_name AS consumer, processed_at AS at FROM events.processed_event
      WHERE consumer_name = ANY(${names}::text[]) AND event_id = ${eventId}`,
    sql<{ consumer: string; at: Date; reason: string; redriving: boolean }[]>`
      SELECT consumer_name AS consumer, created_at AS at, reason, redrive_requested_at IS NOT NULL AS redriving
      FROM events.dead_letter WHERE consumer_name = ANY(${names}::text[]) AND event_id = ${eventId}`,
  ]);
  const handledBy = new Map(handled.map(({ consumer, at }) => [consumer, at]));
  const deadOf = new Map(dead.map((letter) => [letter.consumer, letter]));
  return consumers.map((status): ConsumerHop => {
    const { consumer } = status;
    const letter = deadOf.get(consumer);
    if (letter !== undefined) {
      return { consumer, kind: "dead letter", at: letter.at, reason: letter.reason, redriving: letter.redriving };
    }
    const at = handledBy.get(consumer);
    return at !== undefined ? { consumer, kind: "handled", at } : unhandled(status, event);
  });
}

function unhandled({ consumer, failing, checkpoint, state }: ConsumerStatus, event: PublishedEvent): ConsumerHop {
  if (failing?.eventId === event.eventId) {
    const { since, attempts, retryAt, error } = failing;
    return { consumer, kind: "failing", since, attempts, retryAt, error };
  }
  if (compareEntryIds(checkpoint, event.entryId) >= 0) return { consumer, kind: "passed over" };
  const before = parseEntryId(event.entryId).position - parseEntryId(checkpoint).position - 1;
  return { consumer, kind: "waiting", before, state };
}

/** The first object that holds an entry. Keys are in the order of time, so that nothing in front of the entry's day is listed. */
async function findSegment(store: ObjectStore, stream: string, entryId: string): Promise<ArchivedSegment | undefined> {
  const { ms, position } = parseEntryId(entryId);
  for await (const segment of listSegments(store, stream, { fromMs: ms })) {
    if (segment.ids === undefined) continue;
    if (parseEntryId(segment.ids.first).position > position) return undefined;
    if (parseEntryId(segment.ids.last).position >= position) return segment;
  }
  return undefined;
}
