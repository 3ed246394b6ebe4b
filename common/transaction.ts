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

/**
 * A statement that begins, commits or rolls back is sent in a transaction, which belongs to whoever has called {@linkcode transaction}. It
 * was not sent, and the transaction is rolled back.
 */
export class TransactionControlError extends Error {
  /** The error's name, `TransactionControlError`. */
  override readonly name = "TransactionControlError";

  /** Made when such a statement is to be sent. */
  constructor(statement: string) {
    super(
      `Cannot send ${statement}: the transaction belongs to whoever has begun it, and commits when the function returns; ` +
        `throw to roll back`,
    );
  }
}

/** A savepoint is wanted where several functions share the transaction: to roll back to it would undo the work of the others. */
export class SharedTransactionError extends Error {
  /** The error's name, `SharedTransactionError`. */
  override readonly name = "SharedTransactionError";

  /** Made when a savepoint is to be set. */
  constructor() {
    super(
      "Cannot set a savepoint in a transaction that several handlers share at once: to roll back to it would undo the others",
    );
  }
}

/** Statements that begin or end a transaction, behind comments; `ROLLBACK TO` does neither. */
const CONTROL =
  /^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*(begin|start\s+transaction|commit|end|abort|rollback(?!(?:\s+(?:work|transaction))?\s+to\b)|prepare\s+transaction)\b/i;

/** Statements about savepoints. */
const SAVEPOINT = /^\s*(?:savepoint|release|rollback(?:\s+(?:work|transaction))?\s+to)\b/i;

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
  /** Whether `act` does several things at once, so that none of them may set a savepoint. @default false */
  readonly shared?: boolean;
}

/**
 * Runs a transaction: commits when `act` returns, rolls back when it throws. As `sql.begin`, but it outlives the loss of its
 * connection: postgres.js 3.4 throws out of reach of any `catch`, and so ends the process, when a query is sent on a connection that was
 * closed meanwhile (its issues 1066, 1154 and 1208), which happens whenever a server restarts, or ends the session of a paused
 * process. Here the query fails instead, and postgres.js is kept from sending its own ROLLBACK.
 *
 * A loss cannot be told from that of another connection of the pool, so both make the transaction fail at its next query.
 *
 * `act` can neither commit nor roll back by itself: a statement that would is not sent, and the transaction is rolled back, also when
 * `act` catches what that throws. (One that is hidden behind another in one string is not noticed.)
 *
 * @param sql a pool made by `connectPostgres`
 * @throws {ConnectionLostError} a connection was lost; nothing is committed
 * @throws {TransactionOverError} out of a query that is sent when `act` has ended
 * @throws {TransactionControlError} `act` has tried to commit or to roll back
 * @throws {SharedTransactionError} `act` has tried to set a savepoint, and the transaction is `shared`
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
  const { isolation, shared = false } = options;
  /** What was refused: the transaction must not go on as if it had been done. */
  let refused: Error | undefined;
  const refuse = (error: Error): never => {
    refused ??= error;
    throw error;
  };
  /** Shows whether it was this connection: if so, the transaction has failed already, and nothing may be sent any more. */
  const stopIfOver = async (): Promise<void> => {
    if (!over) await new Promise((resolve) => setTimeout(resolve));
    if (over) await new Promise(() => {});
  };
  const running = sql.begin(isolation === undefined ? "" : `ISOLATION LEVEL ${isolation}`, async (tx) => {
    try {
      const result = await act(guarded(tx, { lost, stopIfOver, acted: () => acted, shared, refuse }));
      if (refused !== undefined) throw refused;
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
  readonly shared: boolean;
  /** Throws, and has the transaction rolled back. */
  readonly refuse: (error: Error) => never;
}

/** The transaction, refusing queries once its connection may be lost, or it has ended. */
function guarded(tx: TransactionSql, guard: Guard): TransactionSql {
  const { lost, acted, stopIfOver, shared, refuse } = guard;
  const check = (text: string): void => {
    if (acted()) throw new TransactionOverError();
    if (lost()) throw new ConnectionLostError();
    const control = CONTROL.exec(text);
    if (control !== null) refuse(new TransactionControlError(control[1]!.toUpperCase()));
    if (shared && SAVEPOINT.test(text)) refuse(new SharedTransactionError());
  };
  return new Proxy(tx, {
    apply(target, self, args) {
      // A call with a list or an object only makes a part of a query.
      if (Array.isArray(args[0]) && "raw" in args[0]) check(args[0][0]);
      return Reflect.apply(target as never, self, args);
    },
    get(target, name, receiver) {
      const value = Reflect.get(target, name, receiver);
      if (name === "unsafe" || name === "file") {
        return (...args: unknown[]) => {
          check(name === "unsafe" ? String(args[0]) : "");
          return Reflect.apply(value as never, target, args);
        };
      }
      if (name === "prepare") return () => refuse(new TransactionControlError("PREPARE TRANSACTION"));
      if (name !== "savepoint") return value;
      return (...args: unknown[]) => {
        check(shared ? "SAVEPOINT" : "");
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
