/**
 * Sends events in transactions of Prisma: the same functions as in the main entry, with Prisma's types. Prisma is not imported
 * from here: the caller's own is used.
 *
 * ```ts ignore
 * import { sendEvent } from "@events-pipeline/producer/prisma";
 *
 * await prisma.$transaction(async (tx) => {
 *   await tx.widget.create({ data: { … } });
 *   await sendEvent(tx, { stream, event });
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

/** A client of Prisma on PostgreSQL, or what `$transaction` hands to its function. */
export interface PrismaClientLike {
  /** Runs a statement that gives rows. */
  $queryRawUnsafe(query: string, ...values: string[]): PromiseLike<unknown>;
}

/** A client of Prisma on PostgreSQL. */
export interface PrismaDatabase<Tx extends PrismaClientLike = PrismaClientLike> extends PrismaClientLike {
  /** Runs a transaction. */
  $transaction(
    act: (tx: Tx) => Promise<unknown>,
    options?: { readonly maxWait?: number; readonly timeout?: number },
  ): Promise<unknown>;
}

const run = async (
  tx: PrismaClientLike,
  statement: string,
  parameters: readonly string[],
): Promise<readonly DriverRow[]> => await tx.$queryRawUnsafe(statement, ...parameters) as DriverRow[];

const driver: Driver<PrismaDatabase, PrismaClientLike> = {
  name: "Prisma",
  begins: "prisma.$transaction",
  // Prisma takes `$connect` and its like from what it hands to the function.
  isTransaction: (value) => (value as { readonly $connect?: unknown }).$connect === undefined,
  run,
  begin: async <T>(
    db: PrismaDatabase,
    act: (tx: PrismaClientLike) => Promise<T>,
    { waitMs }: { readonly waitMs?: number } = {},
  ): Promise<T> => await db.$transaction(act, waitMs === undefined ? undefined : { maxWait: waitMs + 1_000 }) as T,
  nest: (tx, act) => nestBySavepoint(run, tx, act),
};

const sender = senderOf(driver);

/** Sends one event: see {@linkcode SendEvent}. */
export const sendEvent: SendEvent<PrismaClientLike> = sender.sendEvent;

/** Sends many events in one statement: see {@linkcode SendEvents}. */
export const sendEvents: SendEvents<PrismaClientLike> = sender.sendEvents;

/**
 * Runs a transaction that code inside of it need not be handed: `sendEvent({ stream, event })` finds it by what it was called from.
 * Requests that run at once never see each other's. Inside another one on the same pool it is a savepoint of that; on another pool it
 * is a transaction of its own. When the function has ended, what it left running is refused.
 *
 * @param prisma a `PrismaClient` on PostgreSQL
 * @param act also gets the transaction; what it returns is returned
 * @throws what `act` throws, after everything was rolled back
 *
 * @example
 * ```ts ignore
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvent, withTransaction } from "@events-pipeline/producer/prisma";
 * import { PrismaClient } from "./generated/client.ts";
 *
 * const prisma = new PrismaClient({ adapter });
 * await withTransaction(prisma, async (tx) => {
 *   await tx.widget.create({ data: { widget_id: "w-1" } });
 *   await sendEvent({ stream: StreamName.WIDGETS, event: WidgetCreated.create({ widget_id: "w-1", owner_id: "o-1" }) });
 * });
 * ```
 */
export function withTransaction<Tx extends PrismaClientLike, Result>(
  prisma: PrismaDatabase<Tx>,
  act: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  return runAmbient(driver as unknown as Driver<PrismaDatabase<Tx>, Tx>, prisma, act);
}

/**
 * A Prisma client for consumers: their handlers get its transactions.
 *
 * @param prisma a `PrismaClient` on PostgreSQL
 *
 * @example
 * ```ts ignore
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { defineConsumer } from "@events-pipeline/consumer";
 * import { prismaDatabase } from "@events-pipeline/producer/prisma";
 * import { PrismaClient } from "./generated/client.ts";
 *
 * const prisma = new PrismaClient({ adapter });
 * const notifyOwner = defineConsumer({
 *   stream: StreamName.WIDGETS,
 *   name: "widgets:notify_owner",
 *   events: [WidgetCreated],
 *   database: prismaDatabase(prisma),
 *   async handle(event, _context, tx) {
 *     await tx.notification.create({ data: { owner_id: event.payload.owner_id } });
 *   },
 * });
 * // … run it with runConsumers, or export it from a handlers file.
 * ```
 */
export function prismaDatabase<Tx extends PrismaClientLike>(prisma: PrismaDatabase<Tx>): Database<Tx> {
  return databaseOf(driver as unknown as Driver<PrismaDatabase<Tx>, Tx>, prisma);
}
