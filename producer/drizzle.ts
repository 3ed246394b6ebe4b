/**
 * Sends events in transactions of Drizzle: the same functions as in the main entry, with Drizzle's types. Drizzle is not imported
 * from here: the caller's own is used.
 *
 * ```ts ignore
 * import { sendEvent } from "@events-pipeline/producer/drizzle";
 *
 * await db.transaction(async (tx) => {
 *   await tx.insert(widgets).values({ … });
 *   await sendEvent(tx, { stream, event });
 * });
 * ```
 *
 * @module
 */
import { type Database, databaseOf, type Driver, type DriverRow, whileOpen } from "@events-pipeline/common/driver";
import { runAmbient } from "./ambient.ts";
import { senderOf, type SendEvent, type SendEvents } from "./sender.ts";

export { NoConnectionError } from "./insert_at_once.ts";
export type { Metadata, SendEventOptions, SendEventsOptions, SendOptions } from "./send_options.ts";
export type { Database, SendEvent, SendEvents };

/** A database or transaction of Drizzle on PostgreSQL, whichever driver is below it. */
export interface DrizzleClient {
  /** Runs a statement. */
  execute(query: never): PromiseLike<unknown>;
}

/** A transaction of Drizzle on PostgreSQL. */
export interface DrizzleTransaction extends DrizzleClient {
  /** Rolls back. */
  rollback(): never;
}

/** A database of Drizzle on PostgreSQL. */
export interface DrizzleDatabase<Tx extends DrizzleTransaction = DrizzleTransaction> extends DrizzleClient {
  /** Runs a transaction. */
  transaction(act: (tx: Tx) => Promise<unknown>): Promise<unknown>;
}

/** A statement as Drizzle takes it: an `SQLWrapper` around what `sql` makes, which knows how to become text and parameters. */
class Statement {
  readonly #query: { readonly sql: string; readonly params: readonly string[] };

  constructor(sql: string, params: readonly string[]) {
    this.#query = { sql, params: [...params] };
  }

  getSQL(): this {
    return this;
  }

  toQuery(): { readonly sql: string; readonly params: readonly string[] } {
    return this.#query;
  }
}

/** What begins a transaction, or a savepoint inside of one. */
interface Begins {
  transaction<T>(act: (tx: DrizzleClient) => Promise<T>): Promise<T>;
}

const begin = <T>(client: DrizzleClient, act: (tx: DrizzleClient) => Promise<T>): Promise<T> =>
  (client as DrizzleClient & Begins).transaction((inner) => {
    const { tx, close } = whileOpen(inner);
    return act(tx).finally(close);
  });

const driver: Driver<DrizzleClient, DrizzleClient> = {
  name: "Drizzle",
  begins: "db.transaction",
  isTransaction: (value) => "rollback" in value,
  async run(tx, statement, parameters) {
    const result = await tx.execute(new Statement(statement, parameters) as never);
    // postgres.js gives a list, node-postgres an object with one.
    return (Array.isArray(result) ? result : (result as { rows: unknown[] }).rows) as DriverRow[];
  },
  begin,
  nest: begin,
};

const sender = senderOf(driver);

/** Sends one event: see {@linkcode SendEvent}. */
export const sendEvent: SendEvent<DrizzleClient> = sender.sendEvent;

/** Sends many events in one statement: see {@linkcode SendEvents}. */
export const sendEvents: SendEvents<DrizzleClient> = sender.sendEvents;

/**
 * Runs a transaction that code inside of it need not be handed: `sendEvent({ stream, event })` finds it by what it was called from.
 * Requests that run at once never see each other's. Inside another one on the same pool it is a savepoint of that; on another pool it
 * is a transaction of its own. When the function has ended, what it left running is refused.
 *
 * @param db a database of Drizzle on PostgreSQL
 * @param act also gets the transaction; what it returns is returned
 * @throws what `act` throws, after everything was rolled back
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvent, withTransaction } from "@events-pipeline/producer/drizzle";
 * import { sql } from "drizzle-orm";
 * import { drizzle } from "drizzle-orm/postgres-js";
 * import postgres from "postgres";
 *
 * async function announce(widget_id: string): Promise<void> {
 *   await sendEvent({ stream: StreamName.WIDGETS, event: WidgetCreated.create({ widget_id, owner_id: "o-1" }) });
 * }
 *
 * const client = postgres(Deno.env.get("DATABASE_URL")!);
 * const db = drizzle(client);
 * await withTransaction(db, async (tx) => {
 *   await tx.execute(sql`SELECT 'insert the widget'`);
 *   await announce("w-1");
 * });
 * await client.end({ timeout: 5 });
 * ```
 */
export function withTransaction<Tx extends DrizzleTransaction, Result>(
  db: DrizzleDatabase<Tx>,
  act: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  return runAmbient(driver as unknown as Driver<DrizzleDatabase<Tx>, Tx>, db, act);
}

/**
 * A Drizzle database for consumers: their handlers get its transactions.
 *
 * @param db a database of Drizzle on PostgreSQL
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { defineConsumer } from "@events-pipeline/consumer";
 * import { drizzle } from "@events-pipeline/producer/drizzle";
 * import { sql } from "drizzle-orm";
 * import { drizzle as drizzleOn } from "drizzle-orm/postgres-js";
 * import postgres from "postgres";
 *
 * const client = postgres(Deno.env.get("DATABASE_URL")!);
 * const notifyOwner = defineConsumer({
 *   stream: StreamName.WIDGETS,
 *   name: "widgets:notify_owner",
 *   events: [WidgetCreated],
 *   database: drizzle(drizzleOn(client)),
 *   async handle(event, _context, tx) {
 *     await tx.execute(sql`SELECT ${event.payload.owner_id}::text`);
 *   },
 * });
 * // … run it with runConsumers, or export it from a handlers file.
 * await client.end({ timeout: 5 });
 * ```
 */
export function drizzle<Tx extends DrizzleTransaction>(db: DrizzleDatabase<Tx>): Database<Tx> {
  return databaseOf(driver as unknown as Driver<DrizzleDatabase<Tx>, Tx>, db);
}
