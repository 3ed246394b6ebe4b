import type { Database, DriverRow } from "@events-pipeline/common/driver";
import { sqlstateOf } from "@events-pipeline/common/sqlstate";
import type { TransactionSql } from "postgres";

/** The library's own transaction behind each of the worker's. */
const behind = new WeakMap<object, unknown>();

/** What a handler gets for the worker's transaction: that of its library, or the same one when the worker's is postgres.js's. */
export function handlersTransaction(tx: TransactionSql): unknown {
  return behind.has(tx) ? behind.get(tx) : tx;
}

/**
 * Runs a transaction of a library, in which the worker's own statements are written as for postgres.js: they exist once. They are sent
 * one after the other, and their errors have PostgreSQL's code where postgres.js has it.
 *
 * @throws what `act` throws, as it is; and what the database or its library throws
 */
export async function libraryTransaction<T>(
  database: Database<unknown>,
  act: (tx: TransactionSql) => Promise<T>,
): Promise<T> {
  let thrown: { readonly error: unknown } | undefined;
  try {
    return await database.begin(async (inner) => {
      const tx = worker(database, inner);
      behind.set(tx, inner);
      try {
        return await act(tx);
      } catch (error) {
        thrown = { error };
        throw error;
      }
    });
  } catch (error) {
    // A library may say that it could not roll back, a connection being gone: why it wanted to says more.
    throw thrown === undefined ? withCode(error) : thrown.error;
  }
}

/** As much of postgres.js' transaction as the worker's own statements use: the template that runs a query. */
function worker(database: Database<unknown>, inner: unknown): TransactionSql {
  let last: Promise<unknown> = Promise.resolve();
  const query = (strings: readonly string[], ...values: readonly unknown[]): Promise<readonly DriverRow[]> => {
    const parameters: string[] = [];
    const text = strings.reduce((before, after, i) => before + placeholder(values[i - 1], parameters) + after);
    const running = last.then(() => database.run(inner, text, parameters)).catch((error) => {
      throw withCode(error);
    });
    last = running.catch(() => {});
    return running;
  };
  return query as unknown as TransactionSql;
}

/** Where a value stands in the text: the libraries differ in what they make of values, but not of text. */
function placeholder(value: unknown, parameters: string[]): string {
  if (value === null || value === undefined) return "NULL";
  parameters.push(Array.isArray(value) ? arrayText(value) : String(value));
  const type = Array.isArray(value)
    ? "text[]"
    : typeof value === "number"
    ? "float8"
    : typeof value === "boolean"
    ? "boolean"
    : "text";
  return `$${parameters.length}::text${type === "text" ? "" : `::${type}`}`;
}

/** A list as PostgreSQL writes arrays. */
function arrayText(items: readonly unknown[]): string {
  return `{${items.map((item) => `"${String(item).replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
}

/** How libraries say that a connection was lost, when no code does. */
const LOST = /connection.*(?:terminated|closed|ended|not open)|terminat.*connection|not queryable|Client was closed/i;

/** An error with the code that postgres.js would give it. */
function withCode(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = sqlstateOf(error) ?? (LOST.test(error.message) ? "CONNECTION_CLOSED" : undefined);
  if (code === undefined || "code" in error && error.code === code) return error;
  return Object.assign(new Error(error.message, { cause: error }), { code });
}
