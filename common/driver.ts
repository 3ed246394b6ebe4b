/**
 * What the pipeline asks of a database library, so that it works inside that library's own transactions. An adapter of
 * `@events-pipeline/producer` is a {@linkcode Driver} and functions with the library's types around it.
 *
 * @module
 */

/** One row, by column name. Statements of the pipeline return text and numbers only. */
export type DriverRow = Readonly<Record<string, unknown>>;

/** How one library's transactions are used. `Pool` is what begins them; `Tx` is what it hands to the caller's function. */
export interface Driver<Pool, Tx> {
  /** The library, as messages name it. */
  readonly name: string;
  /** Where the library's transactions come from, as messages say it: `db.transaction`. */
  readonly begins: string;
  /** Whether a value is a transaction under way; `undefined` where the library does not let one tell. */
  isTransaction(value: Pool | Tx): boolean | undefined;
  /** Runs one statement, with `$1`, `$2`, … for its parameters, each of which is text and stands in it once. */
  run(tx: Tx, statement: string, parameters: readonly string[]): Promise<readonly DriverRow[]>;
  /** Runs a transaction: commits when `act` returns, rolls back when it throws. */
  begin<T>(pool: Pool, act: (tx: Tx) => Promise<T>, options?: BeginOptions): Promise<T>;
  /** Runs a part of a transaction that is rolled back alone when it throws: a savepoint. */
  nest<T>(tx: Tx, act: (tx: Tx) => Promise<T>): Promise<T>;
}

/** How a transaction begins. */
export interface BeginOptions {
  /** For how long the caller waits for a connection, in milliseconds. A library with a shorter limit of its own raises it to this. */
  readonly waitMs?: number;
}

/** A library's pool with its driver: what begins transactions for somebody who does not know the library. */
export interface Database<Tx> {
  /** The library, as messages name it. */
  readonly name: string;
  /** As {@linkcode Driver.begin}. */
  begin<T>(act: (tx: Tx) => Promise<T>): Promise<T>;
  /** As {@linkcode Driver.run}. */
  run(tx: Tx, statement: string, parameters: readonly string[]): Promise<readonly DriverRow[]>;
}

/** Binds a driver to a pool. */
export function databaseOf<Pool, Tx>(driver: Driver<Pool, Tx>, pool: Pool): Database<Tx> {
  return Object.freeze({
    name: driver.name,
    begin: <T>(act: (tx: Tx) => Promise<T>) => driver.begin(pool, act),
    run: (tx: Tx, statement: string, parameters: readonly string[]) => driver.run(tx, statement, parameters),
  });
}

let savepoints = 0;

/** {@linkcode Driver.nest} for a library that has no savepoints of its own, or only awkward ones. */
export async function nestBySavepoint<Tx, T>(
  run: Driver<never, Tx>["run"],
  tx: Tx,
  act: (tx: Tx) => Promise<T>,
): Promise<T> {
  const name = `events_${++savepoints}`;
  await run(tx, `SAVEPOINT ${name}`, []);
  try {
    const result = await act(tx);
    await run(tx, `RELEASE SAVEPOINT ${name}`, []);
    return result;
  } catch (error) {
    await run(tx, `ROLLBACK TO SAVEPOINT ${name}`, []);
    throw error;
  }
}

/** A transaction that is refused when it has ended, for a library that would go on with its connection. */
export interface WhileOpen<Tx> {
  /** The transaction, to be handed out. */
  readonly tx: Tx;
  /** Refuses it from now on. */
  close(): void;
}

/**
 * Guards a transaction of a library that does not notice when it is used too late: its connection is in other hands by then.
 *
 * @param tx an object without private (`#`) members
 */
export function whileOpen<Tx extends object>(tx: Tx): WhileOpen<Tx> {
  let open = true;
  const guarded = new Proxy(tx, {
    get(target, name, receiver) {
      // A promise that resolves with it asks for `then`.
      if (!open && name !== "then") throw new Error("Cannot use a transaction that has ended");
      return Reflect.get(target, name, receiver);
    },
  });
  return { tx: guarded, close: () => void (open = false) };
}
