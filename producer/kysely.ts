/**
 * Sends events in transactions of Kysely: the same functions as in the main entry, with Kysely's types. Kysely is not imported
 * from here: the caller's own is used.
 *
 * ```ts ignore
 * import { sendEvent } from "@events-pipeline/producer/kysely";
 *
 * await db.transaction().execute(async (trx) => {
 *   await trx.insertInto("widget").values({ … }).execute();
 *   await sendEvent(trx, { stream, event });
 * });
 * ```
 *
 * @module
 */
import {
  type Database,
  databaseOf,
  type Driver,
  type DriverRow,
  nestBySavepoint,
} from "@events-pipeline/common/driver";
import { runAmbient } from "./ambient.ts";
import { senderOf, type SendEvent, type SendEvents } from "./sender.ts";

export { NoConnectionError } from "./insert_at_once.ts";
export type { Metadata, SendEventOptions, SendEventsOptions, SendOptions } from "./send_options.ts";
export type { Database, SendEvent, SendEvents };

/** A database or transaction of Kysely. */
export interface KyselyClient {
  /** Whether it is a transaction. */
  readonly isTransaction: boolean;
  /** Runs a compiled query. */
  executeQuery(query: never): Promise<{ readonly rows: unknown[] }>;
}

/** A database of Kysely on PostgreSQL. */
export interface KyselyDatabase<Tx extends KyselyClient = KyselyClient> extends KyselyClient {
  /** Makes a transaction. */
  transaction(): {
    /** Runs it. */
    execute(act: (tx: Tx) => Promise<unknown>): Promise<unknown>;
  };
}

async function run(tx: KyselyClient, sql: string, parameters: readonly string[]): Promise<readonly DriverRow[]> {
  // What `CompiledQuery.raw` makes.
  const query = {
    sql,
    parameters,
    query: { kind: "RawNode", sqlFragments: [sql], parameters: [] },
    queryId: { queryId: "events" },
  };
  return (await tx.executeQuery(query as never)).rows as DriverRow[];
}

const driver: Driver<KyselyDatabase, KyselyClient> = {
  name: "Kysely",
  begins: "db.transaction().execute",
  isTransaction: (value) => value.isTransaction,
  run,
  begin: async <T>(db: KyselyDatabase, act: (tx: KyselyClient) => Promise<T>) =>
    await db.transaction().execute(act) as T,
  nest: (tx, act) => nestBySavepoint(run, tx, act),
};

const sender = senderOf(driver);

/** Sends one event: see {@linkcode SendEvent}. */
export const sendEvent: SendEvent<KyselyClient> = sender.sendEvent;

/** Sends many events in one statement: see {@linkcode SendEvents}. */
export const sendEvents: SendEvents<KyselyClient> = sender.sendEvents;

/**
 * Runs a transaction that code inside of it need not be handed: `sendEvent({ stream, event })` finds it by what it was called from.
 * Requests that run at once never see each other's. Inside another one on the same pool it is a savepoint of that; on another pool it
 * is a transaction of its own. When the function has ended, what it left running is refused.
 *
 * @param db a `Kysely` on PostgreSQL
 * @param act also gets the transaction; what it returns is returned
 * @throws what `act` throws, after everything was rolled back
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvent, withTransaction } from "@events-pipeline/producer/kysely";
 * import { Kysely, PostgresDialect, sql } from "kysely";
 * import pg from "pg";
 *
 * async function announce(widget_id: string): Promise<void> {
 *   await sendEvent({ stream: StreamName.WIDGETS, event: WidgetCreated.create({ widget_id, owner_id: "o-1" }) });
 * }
 *
 * const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL") });
 * const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
 * await withTransaction(db, async (tx) => {
 *   await sql`SELECT 'insert the widget'`.execute(tx);
 *   await announce("w-1");
 * });
 * await db.destroy();
 * ```
 */
export function withTransaction<Tx extends KyselyClient, Result>(
  db: KyselyDatabase<Tx>,
  act: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  return runAmbient(driver as unknown as Driver<KyselyDatabase<Tx>, Tx>, db, act);
}

/**
 * A Kysely database for consumers: their handlers get its transactions.
 *
 * @param db a `Kysely` on PostgreSQL
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { defineConsumer } from "@events-pipeline/consumer";
 * import { kysely } from "@events-pipeline/producer/kysely";
 * import { Kysely, PostgresDialect, sql } from "kysely";
 * import pg from "pg";
 *
 * const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL") });
 * const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) });
 * const notifyOwner = defineConsumer({
 *   stream: StreamName.WIDGETS,
 *   name: "widgets:notify_owner",
 *   events: [WidgetCreated],
 *   database: kysely(db),
 *   async handle(event, _context, tx) {
 *     await sql`SELECT ${event.payload.owner_id}::text`.execute(tx);
 *   },
 * });
 * // … run it with runConsumers, or export it from a handlers file.
 * await db.destroy();
 * ```
 */
export function kysely<Tx extends KyselyClient>(db: KyselyDatabase<Tx>): Database<Tx> {
  return databaseOf(driver as unknown as Driver<KyselyDatabase<Tx>, Tx>, db);
}
