import { pipelineMigrations } from "@events-pipeline/cli";
import { migrate } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { createDatabase } from "./database.ts";
import { offerS3 } from "./shared_s3.ts";
import { startStack } from "./stack.ts";

/** Where a program finds the servers: what it is started with. */
export interface ServerEnvironment extends Record<string, string> {
  readonly DATABASE_URL: string;
  readonly REDIS_URL: string;
  /** Where to ask for an S3 server, which is started when somebody does. */
  readonly S3_TEST_URL: string;
}

/**
 * Runs a program as a child with a PostgreSQL, a migrated database of its own, a Redis, and an S3 server if it asks for one, and takes all away afterwards. SIGINT
 * and SIGTERM are passed on to the child.
 *
 * @param args the arguments of `deno`
 * @param environment what else the child's environment holds
 * @returns the child's exit code; 130 when stopped before it began, 1 when the servers cannot be had
 */
export async function runWithServers(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number> {
  const stopping = new AbortController();
  let child: Deno.ChildProcess | undefined;
  const signals = (["SIGINT", "SIGTERM"] as const).map((name) => {
    const listener = (): void => {
      stopping.abort();
      child?.kill(name);
    };
    Deno.addSignalListener(name, listener);
    return () => Deno.removeSignalListener(name, listener);
  });
  try {
    console.error("Starting PostgreSQL and Redis");
    await using stack = await startStack({
      environment: { DATABASE_URL: Deno.env.get("DATABASE_URL"), REDIS_URL: Deno.env.get("REDIS_URL") },
      say: console.error,
      signal: stopping.signal,
    });
    await using s3 = await offerS3(console.error);
    const database = await createDatabase(stack.databaseUrl);
    try {
      await migrateAll(database.url);
      if (stopping.signal.aborted) return 130;
      const servers: ServerEnvironment = {
        DATABASE_URL: database.url,
        REDIS_URL: stack.redisUrl,
        S3_TEST_URL: Deno.env.get("S3_TEST_URL") ?? s3.url,
      };
      child = new Deno.Command(Deno.execPath(), { args: [...args], env: { ...environment, ...servers } }).spawn();
      const { code } = await child.status;
      child = undefined;
      return code;
    } finally {
      await database.drop();
    }
  } catch (error) {
    if (stopping.signal.aborted) return 130;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    for (const remove of signals) remove();
  }
}

async function migrateAll(url: string): Promise<void> {
  const sql = connectPostgres(url, { applicationName: "local" });
  try {
    await migrate(sql, pipelineMigrations);
  } finally {
    await closePostgres(sql);
  }
}
