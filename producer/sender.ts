import { Buffer } from "node:buffer";
import { type Event, eventNamed, parseStreamName } from "@events-pipeline/common";
import type { Driver } from "@events-pipeline/common/driver";
import { sqlstateOf } from "@events-pipeline/common/sqlstate";
import { v7 as uuidV7 } from "uuid";
import { type AmbientTransaction, ambientTransaction } from "./ambient.ts";
import { insertAtOnce } from "./insert_at_once.ts";
import { encodeMetadata } from "./metadata.ts";
import { insertOutboxRows, type OutboxRows } from "./outbox_insert.ts";
import { inSendSpan } from "./send_span.ts";
import type { SendEventOptions, SendEventsOptions, SendOptions } from "./send_options.ts";

/** Sends one event: see `sendEvent` of the package's main entry, whose rules hold for every library. */
export interface SendEvent<Handle> {
  /** Sends in the library's transaction that is given; under `AT_LEAST_ONCE`, through its pool. */
  (tx: Handle, options: SendEventOptions): Promise<string>;
  /** Sends in the transaction of the `withTransaction` around the call. */
  (options: SendEventOptions): Promise<string>;
}

/** Sends many events in one statement: see `sendEvents` of the package's main entry. */
export interface SendEvents<Handle> {
  /** Sends in the library's transaction that is given; under `AT_LEAST_ONCE`, through its pool. */
  (tx: Handle, options: SendEventsOptions): Promise<readonly string[]>;
  /** Sends in the transaction of the `withTransaction` around the call. */
  (options: SendEventsOptions): Promise<readonly string[]>;
}

/** What sends through one library. */
export interface Sender<Handle> {
  /** Sends one event. */
  readonly sendEvent: SendEvent<Handle>;
  /** Sends many. */
  readonly sendEvents: SendEvents<Handle>;
}

/** Makes the functions that send through one library: everything but how a statement runs is the same for all. */
export function senderOf<Pool, Tx>(driver: Driver<Pool, Tx>): Sender<Pool | Tx> {
  const sendEvents = (...call: SendCall<Pool | Tx, SendEventsOptions>): Promise<readonly string[]> => {
    const [handle, options] = call.length === 1 ? [undefined, call[0]] : call;
    return send(driver, handle, options);
  };
  const sendEvent = async (...call: SendCall<Pool | Tx, SendEventOptions>): Promise<string> => {
    const [handle, { event, ...rest }] = call.length === 1 ? [undefined, call[0]] : call;
    const [eventId] = await send(driver, handle, { ...rest, events: [event] });
    return eventId!;
  };
  return { sendEvent, sendEvents };
}

type SendCall<Handle, Options> = readonly [tx: Handle, options: Options] | readonly [options: Options];

/** Where rows go: into a transaction, or through a pool at once. */
type Target =
  | { readonly kind: "transaction"; readonly driver: Driver<never, unknown>; readonly tx: unknown }
  | { readonly kind: "pool"; readonly driver: Driver<unknown, unknown>; readonly pool: unknown };

/** The longest payload unless the caller sets another, in bytes. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;

/** How long sending at once waits for a connection unless the caller says otherwise, in milliseconds. */
const CONNECTION_WAIT_MS = 5_000;

async function send<Pool, Tx>(
  driver: Driver<Pool, Tx>,
  handle: Pool | Tx | undefined,
  options: SendEventsOptions,
): Promise<readonly string[]> {
  const { events, maxPayloadBytes = MAX_PAYLOAD_BYTES, connectionWaitMs = CONNECTION_WAIT_MS } = options;
  const what = events.length === 1 ? `'${events[0]!.type}'` : `${events.length} events`;
  const ambient = handle === undefined ? usableAmbient(what) : undefined;
  const target = ambient === undefined
    ? targetOf(driver as Driver<unknown, unknown>, handle, options, what)
    : ambientTarget(ambient, options, what);
  const stream = parseStreamName(options.stream);
  const payloads = events.map((event) => encodePayload(event, maxPayloadBytes));
  const labels = (): string => encodeMetadata(options.metadata ?? {}, what);
  if (events.length === 0) {
    labels();
    return [];
  }
  const eventIds = events.map(() => uuidV7());
  const types = events.map((event) => event.type);
  await inSendSpan({ stream, eventIds, types }, async () => {
    const rows: OutboxRows = { stream, metadata: labels(), eventIds, types, payloads };
    try {
      if (target.kind === "transaction") await insertOutboxRows(target.driver, target.tx, rows);
      else await insertAtOnce(target.driver, target.pool, rows, { waitMs: connectionWaitMs, what });
    } catch (error) {
      const said = explained(error, what);
      if (ambient !== undefined && target.kind === "transaction") ambient.failure ??= { error: said };
      throw said;
    }
  });
  return eventIds;
}

function usableAmbient(what: string): AmbientTransaction {
  const ambient = ambientTransaction();
  if (ambient === undefined) {
    throw new TypeError(
      `Cannot send ${what} without a transaction: none was passed, and no withTransaction is around it`,
    );
  }
  if (!ambient.over) return ambient;
  throw new TypeError(
    `Cannot send ${what}: the function of the withTransaction around it has ended. Await what sends inside of it`,
  );
}

function ambientTarget(ambient: AmbientTransaction, options: SendOptions, what: string): Target {
  const { driver, pool, tx } = ambient;
  checkGuarantee(options, what);
  return options.guarantee === "AT_LEAST_ONCE" ? { kind: "pool", driver, pool } : { kind: "transaction", driver, tx };
}

function targetOf(driver: Driver<unknown, unknown>, handle: unknown, options: SendOptions, what: string): Target {
  checkGuarantee(options, what);
  const inTransaction = driver.isTransaction(handle);
  if (options.guarantee === "AT_LEAST_ONCE") {
    if (inTransaction !== true) return { kind: "pool", driver, pool: handle };
    throw new TypeError(
      `Cannot send ${what} inside a transaction: guarantee is AT_LEAST_ONCE, which commits at once. Pass the pool`,
    );
  }
  if (inTransaction !== false) return { kind: "transaction", driver, tx: handle };
  throw new TypeError(
    `Cannot send ${what} outside a transaction: guarantee is EXACTLY_ONCE. Pass the transaction of ${driver.begins}`,
  );
}

function checkGuarantee({ guarantee = "EXACTLY_ONCE" }: SendOptions, what: string): void {
  if (guarantee === "EXACTLY_ONCE" || guarantee === "AT_LEAST_ONCE") return;
  if (guarantee === "AT_MOST_ONCE") {
    throw new TypeError(
      `Cannot send ${what} with guarantee AT_MOST_ONCE: an outbox is for durable sending. Use EXACTLY_ONCE or AT_LEAST_ONCE`,
    );
  }
  throw new TypeError(`Cannot send ${what}: '${String(guarantee)}' is not a guarantee`);
}

/** PostgreSQL's codes for a prepared statement that is not there, or that is there already. */
const LOST_STATEMENT: ReadonlySet<unknown> = new Set(["26000", "42P05"]);

/** The caller's pool prepares statements, and its next transaction meets another session of the server: that has to be said. */
function explained(error: unknown, what: string): unknown {
  if (!(error instanceof Error && LOST_STATEMENT.has(sqlstateOf(error)))) return error;
  return new Error(
    `Cannot send ${what}: ${error.message}, as behind PgBouncer in transaction mode. Make the pool with 'prepare: false', or add ` +
      `'?prepare=false' to its URL`,
    { cause: error },
  );
}

function encodePayload(event: Event, maxPayloadBytes: number): string {
  const payload = eventNamed(event.type).encode(event);
  const bytes = Buffer.byteLength(payload);
  if (bytes > maxPayloadBytes) {
    throw new TypeError(`Cannot send '${event.type}': its payload has ${bytes} bytes and may have ${maxPayloadBytes}`);
  }
  return payload;
}
