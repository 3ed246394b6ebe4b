/**
 * Sends events in transactions of Knex: the same functions as in the main entry, with Knex's types. Knex is not imported
 * from here: the caller's own is used.
 *
 * ```ts ignore
 * import { sendEvent } from "@events-pipeline/producer/knex";
 *
 * await knex.transaction(async (trx) => {
 *   await trx("widget").insert({ … });
 *   await sendEvent(trx, { stream, event });
 * });
 * ```
 *
 * @module
 */
import { type Database, databaseOf, type Driver, type DriverRow } from "@events-pipeline/common/driver";
import { runAmbient } from "./ambient.ts";
import { senderOf, type SendEvent, type SendEvents } from "./sender.ts";

export { NoConnectionError } from "./insert_at_once.ts";
export type { Metadata, SendEventOptions, SendEventsOptions, SendOptions } from "./send_options.ts";
export type { Database, SendEvent, SendEvents };

/** A Knex instance or transaction on PostgreSQL. */
export interface KnexClient {
  /** Runs a statement. */
  raw(sql: never, bindings: never): PromiseLike<unknown>;
  /** Whether it is a transaction. */
  readonly isTransaction?: boolean | undefined;
  /** Runs a transaction; inside of one, a savepoint. */
  transaction(act: never, config?: never): Promise<unknown>;
}

/** A Knex instance on PostgreSQL. */
export interface KnexDatabase<Tx extends KnexClient = KnexClient> extends KnexClient {
  /** Gives transactions. */
  transactionProvider(): () => Promise<Tx>;
}

const begin = async <T>(knex: KnexClient, act: (tx: KnexClient) => Promise<T>): Promise<T> =>
  await knex.transaction(act as never) as T;

const driver: Driver<KnexClient, KnexClient> = {
  name: "Knex",
  begins: "knex.transaction",
  isTransaction: (value) => value.isTransaction === true,
  async run(tx, statement, parameters) {
    // Knex counts its own placeholders.
    const bindings: string[] = [];
    const sql = statement.replace(/\$(\d+)/g, (_, place) => {
      bindings.push(parameters[Number(place) - 1]!);
      return "?";
    });
    return (await tx.raw(sql as never, bindings as never) as { readonly rows: DriverRow[] }).rows;
  },
  begin,
  nest: begin,
};

const sender = senderOf(driver);

/** Sends one event: see {@linkcode SendEvent}. */
export const sendEvent: SendEvent<KnexClient> = sender.sendEvent;

/** Sends many events in one statement: see {@linkcode SendEvents}. */
export const sendEvents: SendEvents<KnexClient> = sender.sendEvents;

/**
 * Runs a transaction that code inside of it need not be handed: `sendEvent({ stream, event })` finds it by what it was called from.
 * Requests that run at once never see each other's. Inside another one on the same pool it is a savepoint of that; on another pool it
 * is a transaction of its own. When the function has ended, what it left running is refused.
 *
 * @param knex a Knex instance on PostgreSQL
 * @param act also gets the transaction; what it returns is returned
 * @throws what `act` throws, after everything was rolled back
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvent, withTransaction } from "@events-pipeline/producer/knex";
 * import knex from "knex";
 *
 * async function announce(widget_id: string): Promise<void> {
 *   await sendEvent({ stream: StreamName.WIDGETS, event: WidgetCreated.create({ widget_id, owner_id: "o-1" }) });
 * }
 *
 * const db = knex({ client: "pg", connection: Deno.env.get("DATABASE_URL")! });
 * await withTransaction(db, async (tx) => {
 *   await tx.raw("SELECT 'insert the widget'");
 *   await announce("w-1");
 * });
 * await db.destroy();
 * ```
 */
export function withTransaction<Tx extends KnexClient, Result>(
  knex: KnexDatabase<Tx>,
  act: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  return runAmbient(driver as unknown as Driver<KnexDatabase<Tx>, Tx>, knex, act);
}

/**
 * A Knex instance for consumers: their handlers get its transactions.
 *
 * @param knex a Knex instance on PostgreSQL
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { defineConsumer } from "@events-pipeline/consumer";
 * import { knexDatabase } from "@events-pipeline/producer/knex";
 * import knex from "knex";
 *
 * const db = knex({ client: "pg", connection: Deno.env.get("DATABASE_URL")! });
 * const notifyOwner = defineConsumer({
 *   stream: StreamName.WIDGETS,
 *   name: "widgets:notify_owner",
 *   events: [WidgetCreated],
 *   database: knexDatabase(db),
 *   async handle(event, _context, tx) {
 *     await tx.raw("SELECT ?::text", [event.payload.owner_id]);
 *   },
 * });
 * // … run it with runConsumers, or export it from a handlers file.
 * await db.destroy();
 * ```
 */
export function knexDatabase<Tx extends KnexClient>(knex: KnexDatabase<Tx>): Database<Tx> {
  return databaseOf(driver as unknown as Driver<KnexDatabase<Tx>, Tx>, knex);
}
