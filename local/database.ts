import postgres from "postgres";

/** A database of one's own on a shared server. */
export interface Database {
  /** Where clients connect; as the server's URL, with the new database in its path. */
  readonly url: string;
  /** Drops the database, whoever is still connected. Dropping it twice is no error. */
  drop(): Promise<void>;
}

async function run(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/**
 * Creates a database named `ep_test_` and something random, on the server of `databaseUrl`.
 *
 * @example
 * ```ts
 * import { createDatabase, startStack } from "@events-pipeline/local";
 *
 * await using stack = await startStack();
 * const database = await createDatabase(stack.databaseUrl);
 * await database.drop();
 * ```
 */
export async function createDatabase(databaseUrl: string): Promise<Database> {
  const name = `ep_test_${crypto.randomUUID().replaceAll("-", "")}`;
  // A template nobody is connected to, and the same on every server
  await run(databaseUrl, `CREATE DATABASE ${name} TEMPLATE template0`);
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => run(databaseUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}
