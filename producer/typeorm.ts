/**
 * Sends events in transactions of TypeORM: the same functions as in the main entry, with TypeORM's types. TypeORM is not imported
 * from here: the caller's own is used.
 *
 * ```ts ignore
 * import { sendEvent } from "@events-pipeline/producer/typeorm";
 *
 * await dataSource.transaction(async (manager) => {
 *   await manager.save(widget);
 *   await sendEvent(manager, { stream, event });
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

/** An entity manager of TypeORM on PostgreSQL: what `transaction` hands to its function. */
export interface TypeormManager {
  /** Runs a statement. */
  query(query: string, parameters?: never): Promise<unknown>;
  /** Of a manager in a transaction: its connection. */
  readonly queryRunner?: {
    /** Whether a transaction is under way. */
    readonly isTransactionActive: boolean;
  } | undefined;
}

/** A data source of TypeORM on PostgreSQL. */
export interface TypeormDataSource<Manager extends TypeormManager = TypeormManager> {
  /** Its manager outside of transactions. */
  readonly manager: Manager;
  /** Runs a transaction. */
  transaction(act: never, more?: never): Promise<unknown>;
}

/** What begins a transaction, or a savepoint inside of one. */
interface Begins {
  transaction<T>(act: (manager: TypeormManager) => Promise<T>): Promise<T>;
}

const driver: Driver<TypeormDataSource, TypeormManager> = {
  name: "TypeORM",
  begins: "dataSource.transaction",
  isTransaction: (value) => !("manager" in value) && value.queryRunner?.isTransactionActive === true,
  run: async (manager, statement, parameters): Promise<readonly DriverRow[]> =>
    await manager.query(statement, [...parameters] as never) as DriverRow[],
  begin: (dataSource, act) => (dataSource as unknown as Begins).transaction(act),
  nest: (manager, act) => (manager as unknown as Begins).transaction(act),
};

const sender = senderOf(driver);

/** Sends one event: see {@linkcode SendEvent}. */
export const sendEvent: SendEvent<TypeormDataSource | TypeormManager> = sender.sendEvent;

/** Sends many events in one statement: see {@linkcode SendEvents}. */
export const sendEvents: SendEvents<TypeormDataSource | TypeormManager> = sender.sendEvents;

/**
 * Runs a transaction that code inside of it need not be handed: `sendEvent({ stream, event })` finds it by what it was called from.
 * Requests that run at once never see each other's. Inside another one on the same pool it is a savepoint of that; on another pool it
 * is a transaction of its own. When the function has ended, what it left running is refused.
 *
 * @param dataSource an initialized `DataSource` on PostgreSQL
 * @param act also gets the transaction; what it returns is returned
 * @throws what `act` throws, after everything was rolled back
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvent, withTransaction } from "@events-pipeline/producer/typeorm";
 * import "reflect-metadata";
 * import { DataSource } from "typeorm";
 *
 * async function announce(widget_id: string): Promise<void> {
 *   await sendEvent({ stream: StreamName.WIDGETS, event: WidgetCreated.create({ widget_id, owner_id: "o-1" }) });
 * }
 *
 * const db = new DataSource({ type: "postgres", url: Deno.env.get("DATABASE_URL")! });
 * await db.initialize();
 * await withTransaction(db, async (tx) => {
 *   await tx.query("SELECT 'insert the widget'");
 *   await announce("w-1");
 * });
 * await db.destroy();
 * ```
 */
export function withTransaction<Manager extends TypeormManager, Result>(
  dataSource: TypeormDataSource<Manager>,
  act: (tx: Manager) => Promise<Result>,
): Promise<Result> {
  return runAmbient(driver as unknown as Driver<TypeormDataSource<Manager>, Manager>, dataSource, act);
}

/**
 * A TypeORM data source for consumers: their handlers get its transactions.
 *
 * @param dataSource an initialized `DataSource` on PostgreSQL
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { defineConsumer } from "@events-pipeline/consumer";
 * import { typeorm } from "@events-pipeline/producer/typeorm";
 * import "reflect-metadata";
 * import { DataSource } from "typeorm";
 *
 * const db = await new DataSource({ type: "postgres", url: Deno.env.get("DATABASE_URL")! }).initialize();
 * const notifyOwner = defineConsumer({
 *   stream: StreamName.WIDGETS,
 *   name: "widgets:notify_owner",
 *   events: [WidgetCreated],
 *   database: typeorm(db),
 *   async handle(event, _context, tx) {
 *     await tx.query("SELECT $1::text", [event.payload.owner_id]);
 *   },
 * });
 * // … run it with runConsumers, or export it from a handlers file.
 * await db.destroy();
 * ```
 */
export function typeorm<Manager extends TypeormManager>(dataSource: TypeormDataSource<Manager>): Database<Manager> {
  return databaseOf(driver as unknown as Driver<TypeormDataSource<Manager>, Manager>, dataSource);
}
