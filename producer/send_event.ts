import type { Sql, TransactionSql } from "postgres";
import { runAmbient } from "./ambient.ts";
import { postgresJs } from "./postgres_js.ts";
import type { SendEventOptions, SendEventsOptions } from "./send_options.ts";
import { senderOf } from "./sender.ts";

const sender = senderOf(postgresJs);

/**
 * Sends an event: writes it to the outbox, from where a publisher brings it to its stream. Everything is checked before any
 * SQL, so a refusal leaves the caller's transaction usable.
 *
 * @param tx the caller's transaction (from `sql.begin`); under `AT_LEAST_ONCE` the pool
 * @returns the event's id, a UUID version 7
 * @throws {TypeError} the stream or event is not defined, the guarantee does not fit what `tx` is, or the payload or metadata is
 * too large
 * @throws {InvalidEventError} the payload does not fit the schema, or holds what JSON cannot carry
 * @throws {NoConnectionError} `AT_LEAST_ONCE`: no connection of the pool became free in time
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
export function sendEvent(tx: Sql | TransactionSql, options: SendEventOptions): Promise<string>;
/**
 * Sends an event in the transaction of the {@linkcode withTransaction} around the call; under `AT_LEAST_ONCE` at once, through its pool.
 *
 * @throws {TypeError} there is none, or its function has ended
 */
export function sendEvent(options: SendEventOptions): Promise<string>;
export function sendEvent(...call: [Sql | TransactionSql, SendEventOptions] | [SendEventOptions]): Promise<string> {
  return call.length === 1 ? sender.sendEvent(...call) : sender.sendEvent(...call);
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
export function sendEvents(tx: Sql | TransactionSql, options: SendEventsOptions): Promise<readonly string[]>;
/**
 * Sends many events in the transaction of the {@linkcode withTransaction} around the call.
 *
 * @throws {TypeError} there is none, or its function has ended
 */
export function sendEvents(options: SendEventsOptions): Promise<readonly string[]>;
export function sendEvents(
  ...call: [Sql | TransactionSql, SendEventsOptions] | [SendEventsOptions]
): Promise<readonly string[]> {
  return call.length === 1 ? sender.sendEvents(...call) : sender.sendEvents(...call);
}

/**
 * Runs a transaction that code inside of it need not be handed: `sendEvent({ stream, event })` finds it by what it was called from.
 * Requests that run at once never see each other's. Inside another one on the same pool it is a savepoint of that; on another pool it
 * is a transaction of its own. When the function has ended, what it left running is refused.
 *
 * @param sql the pool
 * @param act also gets the transaction; what it returns is returned
 * @throws what `act` throws, after everything was rolled back
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvent, withTransaction } from "@events-pipeline/producer";
 * import postgres from "postgres";
 *
 * async function announce(widget_id: string): Promise<void> {
 *   await sendEvent({ stream: StreamName.WIDGETS, event: WidgetCreated.create({ widget_id, owner_id: "o-1" }) });
 * }
 *
 * const sql = postgres(Deno.env.get("DATABASE_URL")!);
 * await withTransaction(sql, async (tx) => {
 *   await tx`SELECT 'insert the widget'`;
 *   await announce("w-1");
 * });
 * await sql.end({ timeout: 5 });
 * ```
 */
export function withTransaction<Result>(sql: Sql, act: (tx: TransactionSql) => Promise<Result>): Promise<Result> {
  return runAmbient(postgresJs, sql, act);
}
