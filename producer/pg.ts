/**
 * Sends events in transactions of node-postgres: the same functions as in the main entry, with node-postgres' types. node-postgres is not imported
 * from here: the caller's own is used.
 *
 * ```ts ignore
 * import { sendEvent } from "@events-pipeline/producer/pg";
 *
 * await client.query("BEGIN");
 * await client.query("INSERT INTO …");
 * await sendEvent(client, { stream, event });
 * await client.query("COMMIT");
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
  whileOpen,
} from "@events-pipeline/common/driver";
import { runAmbient } from "./ambient.ts";
import { senderOf, type SendEvent, type SendEvents } from "./sender.ts";

export { NoConnectionError } from "./insert_at_once.ts";
export type { Metadata, SendEventOptions, SendEventsOptions, SendOptions } from "./send_options.ts";
export type { Database, SendEvent, SendEvents };

/** A client of node-postgres: what `pool.connect()` gives, or a `Client`. */
export interface PgClient {
  /** Runs a statement. */
  query(text: string, values?: string[]): Promise<{ readonly rows: unknown[]; readonly command: string }>;
  /** Whether it is in a transaction: node-postgres has it from 8.17 on. */
  getTransactionStatus?(): string | null;
}

/** A client that a pool has lent. */
export interface PgPoolClient extends PgClient {
  /** Gives it back; with `true`, to be closed. */
  release(destroy?: boolean): void;
  /** Listens to what happens to the connection. */
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Listens no more. */
  off(event: "error", listener: (error: Error) => void): unknown;
}

/** A pool of node-postgres. */
export interface PgPool<Client extends PgPoolClient = PgPoolClient> {
  /** Lends a client. */
  connect(): Promise<Client>;
  /** How many clients it has. */
  readonly totalCount: number;
}

const run = async (client: PgClient, statement: string, parameters: readonly string[]): Promise<readonly DriverRow[]> =>
  (await client.query(statement, [...parameters])).rows as DriverRow[];

const driver: Driver<PgPool, PgClient> = {
  name: "node-postgres",
  begins: "a client on which BEGIN was run",
  isTransaction(value) {
    if ("totalCount" in value) return false;
    const status = value.getTransactionStatus?.();
    return status === undefined || status === null ? undefined : status !== "I";
  },
  run,
  async begin(pool, act) {
    const client = await pool.connect();
    let broken = false;
    // Of a connection that is lost, the next query tells too; without a listener, the process would end.
    const onError = (): void => void (broken = true);
    client.on("error", onError);
    try {
      await client.query("BEGIN");
      const { tx, close } = whileOpen(client);
      try {
        const result = await act(tx).finally(close);
        const { command } = await client.query("COMMIT");
        if (command === "COMMIT") return result;
        throw new Error("Cannot commit the transaction: a statement in it has failed, so it was rolled back");
      } catch (error) {
        await client.query("ROLLBACK").catch(() => broken = true);
        throw error;
      }
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  },
  nest: (client, act) => nestBySavepoint(run, client, act),
};

const sender = senderOf(driver);

/** Sends one event: see {@linkcode SendEvent}. */
export const sendEvent: SendEvent<PgPool | PgClient> = sender.sendEvent;

/** Sends many events in one statement: see {@linkcode SendEvents}. */
export const sendEvents: SendEvents<PgPool | PgClient> = sender.sendEvents;

/**
 * Runs a transaction that code inside of it need not be handed: `sendEvent({ stream, event })` finds it by what it was called from.
 * Requests that run at once never see each other's. Inside another one on the same pool it is a savepoint of that; on another pool it
 * is a transaction of its own. When the function has ended, what it left running is refused.
 *
 * @param pool a `Pool` of node-postgres
 * @param act also gets the transaction; what it returns is returned
 * @throws what `act` throws, after everything was rolled back
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { sendEvent, withTransaction } from "@events-pipeline/producer/pg";
 * import pg from "pg";
 *
 * async function announce(widget_id: string): Promise<void> {
 *   await sendEvent({ stream: StreamName.WIDGETS, event: WidgetCreated.create({ widget_id, owner_id: "o-1" }) });
 * }
 *
 * const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL") });
 * await withTransaction(pool, async (tx) => {
 *   await tx.query("SELECT 'insert the widget'");
 *   await announce("w-1");
 * });
 * await pool.end();
 * ```
 */
export function withTransaction<Client extends PgPoolClient, Result>(
  pool: PgPool<Client>,
  act: (tx: Client) => Promise<Result>,
): Promise<Result> {
  return runAmbient(driver as Driver<PgPool<Client>, Client>, pool, act);
}

/**
 * node-postgres for consumers: their handlers get its transactions.
 *
 * @param pool a `Pool` of node-postgres
 *
 * @example
 * ```ts
 * import { StreamName } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { defineConsumer } from "@events-pipeline/consumer";
 * import { nodePostgres } from "@events-pipeline/producer/pg";
 * import pg from "pg";
 *
 * const pool = new pg.Pool({ connectionString: Deno.env.get("DATABASE_URL") });
 * const notifyOwner = defineConsumer({
 *   stream: StreamName.WIDGETS,
 *   name: "widgets:notify_owner",
 *   events: [WidgetCreated],
 *   database: nodePostgres(pool),
 *   async handle(event, _context, tx) {
 *     await tx.query("SELECT $1::text", [event.payload.owner_id]);
 *   },
 * });
 * // … run it with runConsumers, or export it from a handlers file.
 * await pool.end();
 * ```
 */
export function nodePostgres<Client extends PgPoolClient>(pool: PgPool<Client>): Database<Client> {
  return databaseOf(driver as Driver<PgPool<Client>, Client>, pool);
}
