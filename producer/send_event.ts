import {
  encodeJson,
  type Event,
  eventNamed,
  type Guarantee,
  parseStreamName,
  type StreamName,
} from "@events-pipeline/common";
import type { Sql, TransactionSql } from "postgres";
import { v7 as uuidV7 } from "uuid";

/** Labels that travel with an event: trace context, correlation and causation ids. Keys and values are text. */
export type Metadata = Readonly<Record<string, string>>;

/** What is sent, and how. */
export interface SendOptions {
  /** The stream. */
  readonly stream: StreamName;
  /**
   * `EXACTLY_ONCE`: the event is part of the caller's transaction, and is sent if and only if that commits. `AT_LEAST_ONCE`: it
   * is committed at once, whatever becomes of the caller.
   *
   * @default "EXACTLY_ONCE"
   */
  readonly guarantee?: Guarantee;
  /** Labels that travel with the event. @default {} */
  readonly metadata?: Metadata;
  /** The longest payload, in bytes of JSON text. @default 1048576 */
  readonly maxPayloadBytes?: number;
}

/** What {@linkcode sendEvent} sends. */
export interface SendEventOptions extends SendOptions {
  /** The event, made by its definition's `create`. */
  readonly event: Event;
}

/** What {@linkcode sendEvents} sends. */
export interface SendEventsOptions extends SendOptions {
  /** The events, in the order in which they shall stand in the stream. */
  readonly events: readonly Event[];
}

/** The longest payload unless the caller sets another, in bytes. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** The longest metadata, in bytes of JSON text. */
const MAX_METADATA_BYTES = 16 * 1024;

/**
 * Sends an event: writes it to the outbox, from where a publisher brings it to its stream. Everything is checked before any
 * SQL, so a refusal leaves the caller's transaction usable.
 *
 * @param tx the caller's transaction (from `sql.begin`); under `AT_LEAST_ONCE` the pool
 * @returns the event's id, a UUID version 7
 * @throws {TypeError} the stream or event is not defined, the guarantee does not fit what `tx` is, or the payload or metadata is
 * too large
 * @throws {InvalidEventError} the payload does not fit the schema, or holds what JSON cannot carry
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvent } from "@events-pipeline/producer";
 * import postgres from "postgres";
 *
 * const sql = postgres(Deno.env.get("DATABASE_URL")!);
 * await sql.begin(async (tx) => {
 *   // … insert the widget, then:
 *   await sendEvent(tx, {
 *     stream: StreamName.WIDGETS,
 *     event: WidgetCreated.create({ widget_id: "w-1", owner_id: "o-1" }),
 *   });
 * });
 * await sql.end({ timeout: 5 });
 * ```
 */
export async function sendEvent(tx: Sql | TransactionSql, options: SendEventOptions): Promise<string> {
  const { event, ...rest } = options;
  const [eventId] = await sendEvents(tx, { ...rest, events: [event] });
  return eventId!;
}

/**
 * Sends many events in one statement, under the rules of {@linkcode sendEvent}. They stand in the stream in the order given.
 *
 * @returns the events' ids, in the same order
 * @throws {TypeError} as `sendEvent`; nothing was sent
 * @throws {InvalidEventError} as `sendEvent`; nothing was sent
 * @throws {Error} the pool prepares statements behind a pooler that does not keep them
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvents } from "@events-pipeline/producer";
 * import postgres from "postgres";
 *
 * const sql = postgres(Deno.env.get("DATABASE_URL")!);
 * const events = ["w-1", "w-2"].map((widget_id) => WidgetCreated.create({ widget_id, owner_id: "o-1" }));
 * await sql.begin((tx) => sendEvents(tx, { stream: StreamName.WIDGETS, events }));
 * await sql.end({ timeout: 5 });
 * ```
 */
export async function sendEvents(tx: Sql | TransactionSql, options: SendEventsOptions): Promise<readonly string[]> {
  const { events, guarantee = "EXACTLY_ONCE", maxPayloadBytes = MAX_PAYLOAD_BYTES } = options;
  const what = events.length === 1 ? `'${events[0]!.type}'` : `${events.length} events`;
  checkGuarantee(tx, guarantee, what);
  const stream = parseStreamName(options.stream);
  const payloads = events.map((event) => encodePayload(event, maxPayloadBytes));
  const metadata = encodeMetadata(options.metadata ?? {}, what);
  if (events.length === 0) return [];
  const eventIds = events.map(() => uuidV7());
  try {
    await insertOutboxRows(tx, { stream, metadata, eventIds, types: events.map((event) => event.type), payloads });
  } catch (error) {
    throw explained(error, what);
  }
  return eventIds;
}

/** PostgreSQL's codes for a prepared statement that is not there, or that is there already. */
const LOST_STATEMENT: ReadonlySet<unknown> = new Set(["26000", "42P05"]);

/** The caller's pool prepares statements, and its next transaction meets another session of the server: that has to be said. */
function explained(error: unknown, what: string): unknown {
  if (!(error instanceof Error && "code" in error && LOST_STATEMENT.has(error.code))) return error;
  return new Error(
    `Cannot send ${what}: ${error.message}, as behind PgBouncer in transaction mode. Make the pool with 'prepare: false', or add ` +
      `'?prepare=false' to its URL`,
    { cause: error },
  );
}

function checkGuarantee(tx: Sql | TransactionSql, guarantee: Guarantee, what: string): void {
  const inTransaction = "savepoint" in tx;
  switch (guarantee) {
    case "EXACTLY_ONCE":
      if (inTransaction) return;
      throw new TypeError(
        `Cannot send ${what} outside a transaction: guarantee is EXACTLY_ONCE. Pass the transaction of sql.begin`,
      );
    case "AT_LEAST_ONCE":
      if (!inTransaction) return;
      throw new TypeError(
        `Cannot send ${what} inside a transaction: guarantee is AT_LEAST_ONCE, which commits at once. Pass the pool`,
      );
    case "AT_MOST_ONCE":
      throw new TypeError(
        `Cannot send ${what} with guarantee AT_MOST_ONCE: an outbox is for durable sending. Use EXACTLY_ONCE or AT_LEAST_ONCE`,
      );
    default:
      throw new TypeError(`Cannot send ${what}: '${String(guarantee)}' is not a guarantee`);
  }
}

function encodePayload(event: Event, maxPayloadBytes: number): string {
  const payload = eventNamed(event.type).encode(event);
  const bytes = byteLength(payload);
  if (bytes > maxPayloadBytes) {
    throw new TypeError(`Cannot send '${event.type}': its payload has ${bytes} bytes and may have ${maxPayloadBytes}`);
  }
  return payload;
}

function encodeMetadata(metadata: Metadata, what: string): string {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== "string") {
      throw new TypeError(`Cannot send ${what}: metadata '${key}' is a ${typeof value} and must be text`);
    }
  }
  const text = encodeJson({ ...metadata });
  const bytes = byteLength(text);
  if (bytes > MAX_METADATA_BYTES) {
    throw new TypeError(`Cannot send ${what}: its metadata has ${bytes} bytes and may have ${MAX_METADATA_BYTES}`);
  }
  return text;
}

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

interface OutboxRows {
  readonly stream: StreamName;
  readonly metadata: string;
  readonly eventIds: readonly string[];
  readonly types: readonly string[];
  readonly payloads: readonly string[];
}

/** The rows get their `id` in the order of the arrays. */
async function insertOutboxRows(tx: Sql | TransactionSql, rows: OutboxRows): Promise<void> {
  await tx`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, metadata)
    SELECT e.event_id, ${rows.stream}, e.event_type, e.payload::json, ${rows.metadata}::text::json
    FROM unnest(${rows.eventIds}::uuid[], ${rows.types}::text[], ${rows.payloads}::text[])
      WITH ORDINALITY AS e(event_id, event_type, payload, place)
    ORDER BY e.place`;
}
