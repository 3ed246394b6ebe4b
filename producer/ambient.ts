import type { Driver } from "@events-pipeline/common/driver";
import { AsyncLocalStorage } from "node:async_hooks";

/** A transaction that `withTransaction` runs, as the code inside of it finds it. */
export interface AmbientTransaction {
  /** How it is used. */
  readonly driver: Driver<unknown, unknown>;
  /** What began it. */
  readonly pool: unknown;
  /** The library's own object. */
  readonly tx: unknown;
  /** Whether its function has ended. */
  over: boolean;
  /** What a statement of the pipeline failed with: PostgreSQL commits nothing after that. */
  failure: { readonly error: unknown } | undefined;
}

const storage = new AsyncLocalStorage<AmbientTransaction>();

/** The innermost transaction of `withTransaction` around the code that asks; it may be over. */
export function ambientTransaction(): AmbientTransaction | undefined {
  return storage.getStore();
}

/**
 * Runs a transaction that the code inside of it finds by itself, by way of what it was called from. Inside another one on the same pool it
 * is a savepoint of that.
 *
 * @throws what `act` throws, and what the database or its library throws; all of it is rolled back
 */
export async function runAmbient<Pool, Tx, Result>(
  driver: Driver<Pool, Tx>,
  pool: Pool,
  act: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  const work = async (tx: Tx): Promise<Result> => {
    const ambient: AmbientTransaction = {
      driver: driver as Driver<unknown, unknown>,
      pool,
      tx,
      over: false,
      failure: undefined,
    };
    try {
      const result = await storage.run(ambient, () => act(tx));
      // The caller has passed over it, and some libraries would say that they have committed.
      if (ambient.failure !== undefined) throw ambient.failure.error;
      return result;
    } finally {
      ambient.over = true;
    }
  };
  const outer = storage.getStore();
  if (outer !== undefined && !outer.over && outer.pool === pool) return await driver.nest(outer.tx as Tx, work);
  return await driver.begin(pool, work);
}
