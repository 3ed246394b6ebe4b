import type { Sql, TransactionSql } from "postgres";

/** The transaction's connection was lost, or may have been: nothing of it is committed. Try it again. */
export class ConnectionLostError extends Error {
  /** The error's name, `ConnectionLostError`. */
  override readonly name = "ConnectionLostError";
  /** A code that {@linkcode isTransient} knows. */
  readonly code = "CONNECTION_CLOSED";

  /** Made when a query is sent in a transaction whose connection may be gone. */
  constructor() {
    super("Cannot go on with the transaction: a connection to PostgreSQL was lost meanwhile");
  }
}

/** A query is sent in a transaction that has ended: a handler, say, went on when its time was up. It was not sent. */
export class TransactionOverError extends Error {
  /** The error's name, `TransactionOverError`. */
  override readonly name = "TransactionOverError";

  /** Made when a query comes too late. */
  constructor() {
    super("Cannot send a query in a transaction that has ended");
  }
}

/** The connections that a pool has lost. */
interface Losses {
  /** How many. */
  count: number;
  /** What ended the last one. */
  reason: Error | undefined;
}

/** The losses of each pool; known for the pools that `connectPostgres` makes. */
const losses = new WeakMap<object, Losses>();

/** Counts the connections that a pool loses. @returns to be called at each loss, with what ended the connection */
export function countLosses(sql: () => Sql): (reason?: Error) => void {
  const counter: Losses = { count: 0, reason: undefined };
  return (reason) => {
    losses.set(sql(), counter);
    counter.count++;
    counter.reason = reason;
  };
}

/** How postgres.js says that the connection of a query was closed. */
const CLOSED = "CONNECTION_CLOSED";

/** How a transaction is run. */
export interface TransactionOptions {
  /** What the transaction sees of others. @default the database's, as a rule READ COMMITTED */
  readonly isolation?: "REPEATABLE READ" | "SERIALIZABLE";
}

/**
 * Runs a transaction: commits when `act` returns, rolls back when it throws. As `sql.begin`, but it outlives the loss of its
 * connection: postgres.js 3.4 throws out of reach of any `catch`, and so ends the process, when a query is sent on a connection that was
 * closed meanwhile (its issues 1066, 1154 and 1208), which happens whenever a server restarts, or ends the session of a paused
 * process. Here the query fails instead, and postgres.js is kept from sending its own ROLLBACK.
 *
 * A loss cannot be told from that of another connection of the pool, so both make the transaction fail at its next query.
 *
 * @param sql a pool made by `connectPostgres`
 * @throws {ConnectionLostError} a connection was lost; nothing is committed
 * @throws {TransactionOverError} out of a query that is sent when `act` has ended
 */
export async function transaction<T>(
  sql: Sql,
  options: TransactionOptions,
  act: (tx: TransactionSql) => Promise<T>,
): Promise<T> {
  const before = losses.get(sql)?.count ?? 0;
  let over = false;
  /** Whether `act` has returned or thrown: on the same connection, what it sent now would be no part of the transaction. */
  let acted = false;
  const lost = (): boolean => over || (losses.get(sql)?.count ?? 0) !== before;
  const { isolation } = options;
  /** Shows whether it was this connection: if so, the transaction has failed already, and nothing may be sent any more. */
  const stopIfOver = async (): Promise<void> => {
    if (!over) await new Promise((resolve) => setTimeout(resolve));
    if (over) await new Promise(() => {});
  };
  const running = sql.begin(isolation === undefined ? "" : `ISOLATION LEVEL ${isolation}`, async (tx) => {
    try {
      const result = await act(guarded(tx, { lost, stopIfOver, acted: () => acted }));
      if (!lost()) return result;
    } catch (error) {
      if (!lost()) throw error;
    } finally {
      acted = true;
    }
    await stopIfOver();
    throw new ConnectionLostError();
  });
  try {
    return await running as T;
  } catch (error) {
    const reason = losses.get(sql)?.reason;
    // The client says only that the connection is closed, and not why.
    const closed = error instanceof Error && "code" in error && error.code === CLOSED;
    throw closed && !(error instanceof ConnectionLostError) ? reason ?? error : error;
  } finally {
    over = true;
  }
}

/** What a transaction's queries are guarded by. */
interface Guard {
  readonly lost: () => boolean;
  readonly acted: () => boolean;
  readonly stopIfOver: () => Promise<void>;
}

/** The transaction, refusing queries once its connection may be lost, or it has ended. */
function guarded(tx: TransactionSql, guard: Guard): TransactionSql {
  const { lost, acted, stopIfOver } = guard;
  const check = (): void => {
    if (acted()) throw new TransactionOverError();
    if (lost()) throw new ConnectionLostError();
  };
  return new Proxy(tx, {
    apply(target, self, args) {
      // A call with a list or an object only makes a part of a query.
      if (Array.isArray(args[0]) && "raw" in args[0]) check();
      return Reflect.apply(target as never, self, args);
    },
    get(target, name, receiver) {
      const value = Reflect.get(target, name, receiver);
      if (name === "unsafe" || name === "file") {
        return (...args: unknown[]) => {
          check();
          return Reflect.apply(value as never, target, args);
        };
      }
      if (name !== "savepoint") return value;
      return (...args: unknown[]) => {
        check();
        const act = args.pop() as (tx: TransactionSql) => unknown;
        const inner = async (savepoint: TransactionSql) => {
          try {
            return await act(guarded(savepoint, guard));
          } catch (error) {
            if (lost()) await stopIfOver(); // Its ROLLBACK TO must not be sent either.
            throw error;
          }
        };
        return Reflect.apply(value as never, target, [...args, inner]);
      };
    },
  });
}
