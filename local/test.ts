/**
 * The program of `deno task test`: `deno test` with a PostgreSQL and a Redis.
 *
 * @module
 */
import { leaseMigrations } from "@events-pipeline/common/lease";
import { migrate } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { createDatabase } from "./database.ts";
import { startStack } from "./stack.ts";

const USAGE = `Runs deno test with a PostgreSQL and a Redis.

Usage: deno task test [--help] [ARGUMENTS OF deno test]

The tests find the servers in DATABASE_URL and REDIS_URL. The database is a fresh one and is
dropped afterwards, also when DATABASE_URL was set: then only its server is used. Servers are
found as deno task up finds them.
`;

async function runTests(args: readonly string[], environment: Record<string, string>) {
  await using cleanUp = new AsyncDisposableStack();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--doc", "--allow-all", ...args],
    env: environment,
  }).spawn();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    const forward = () => child.kill(name);
    Deno.addSignalListener(name, forward);
    cleanUp.defer(() => Deno.removeSignalListener(name, forward));
  }
  return (await child.status).code;
}

/** The examples in doc comments use the database as it is; the tests make their own. */
async function migrateExamples(url: string): Promise<void> {
  const sql = connectPostgres(url, { applicationName: "test" });
  try {
    await migrate(sql, [leaseMigrations, outboxMigrations, consumerMigrations]);
  } finally {
    await closePostgres(sql);
  }
}

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === "--help" || args[0] === "-h") {
    console.log(USAGE);
    return 0;
  }
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, stop);
  try {
    console.error("Starting PostgreSQL and Redis");
    await using stack = await startStack({
      environment: {
        DATABASE_URL: Deno.env.get("DATABASE_URL"),
        REDIS_URL: Deno.env.get("REDIS_URL"),
      },
      say: console.error,
      signal: stopping.signal,
    });
    const database = await createDatabase(stack.databaseUrl);
    try {
      await migrateExamples(database.url);
      if (stopping.signal.aborted) return 130;
      return await runTests(args, { DATABASE_URL: database.url, REDIS_URL: stack.redisUrl });
    } finally {
      await database.drop();
    }
  } catch (error) {
    if (stopping.signal.aborted) return 130;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
