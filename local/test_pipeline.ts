import { pipelineMigrations } from "@events-pipeline/cli";
import { defineStreamName, type StreamName } from "@events-pipeline/common";
import { migrate } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import { runPublisher } from "@events-pipeline/publisher";
import type { Sql } from "postgres";
import { createDatabase } from "./database.ts";

/** A migrated database, Redis, and a stream of its own, for one test. */
export interface TestPipeline extends AsyncDisposable {
  /** The URL of the test's own database. */
  readonly databaseUrl: string;
  /** The URL of the Redis that the tests share. */
  readonly redisUrl: string;
  /** A pool on the database. */
  readonly sql: Sql;
  /** A connection to Redis. */
  readonly redis: RedisConnection;
  /** A stream that no other test uses. */
  readonly stream: StreamName;
  /** Publishes what the outbox holds. */
  publish(): Promise<void>;
}

/** Servers of a test's own, for one that breaks them. */
export interface TestServers {
  /** The URL of a PostgreSQL. @default the one that `deno task test` has started */
  readonly postgresUrl?: string;
  /** The URL of a Redis. @default the one that `deno task test` has started */
  readonly redisUrl?: string;
}

/**
 * Sets up what a test of the pipeline needs, on the servers that `deno task test` has started, or on its own.
 *
 * @throws {Error} DATABASE_URL or REDIS_URL is not set
 */
export async function testPipeline(servers: TestServers = {}): Promise<TestPipeline> {
  const server = servers.postgresUrl ?? Deno.env.get("DATABASE_URL");
  const redisUrl = servers.redisUrl ?? Deno.env.get("REDIS_URL");
  if (!server || !redisUrl) throw new Error("Cannot test without servers: run 'deno task test', which starts them");
  await using cleanUp = new AsyncDisposableStack();
  const database = await createDatabase(server);
  cleanUp.defer(() => database.drop());
  const sql = connectPostgres(database.url, { applicationName: "test" });
  cleanUp.defer(() => closePostgres(sql));
  await migrate(sql, pipelineMigrations);
  const redis = connectRedis(redisUrl, { clientName: "test" });
  cleanUp.defer(() => redis.close());
  const stream = defineStreamName(`stream:test-${crypto.randomUUID()}:events`);
  cleanUp.defer(async () => void await redis.call("DEL", stream));
  const owned = cleanUp.move();
  return {
    databaseUrl: database.url,
    redisUrl,
    sql,
    redis,
    stream,
    async publish() {
      const wakeUpSql = connectPostgres(database.url, { applicationName: "test", connections: 1 });
      await runPublisher({ sql, wakeUpSql, redis, once: true, signal: AbortSignal.timeout(30_000) });
      await closePostgres(wakeUpSql);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
