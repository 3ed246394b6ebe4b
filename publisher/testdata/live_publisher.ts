import { Health } from "@events-pipeline/common/health";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import { type PublisherOptions, runPublisher } from "../publisher.ts";

/** A publisher that runs inside a test until it is disposed of. */
export interface LivePublisher extends AsyncDisposable {
  /** What it says is wrong. */
  readonly health: Health;
  /** Its connection to Redis. */
  readonly redis: RedisConnection;
}

/** Starts a publisher with short waits. `answerLimitMs` is the servers' limit alike: 1 s by default. */
export function livePublisher(
  databaseUrl: string,
  redisUrl: string,
  options: Partial<PublisherOptions> = {},
): LivePublisher {
  const { answerLimitMs = 1_000 } = options;
  const pool = {
    applicationName: "live publisher",
    answerLimitMs,
    ...(options.logger === undefined ? {} : { logger: options.logger }),
  };
  const sql = connectPostgres(databaseUrl, pool);
  const wakeUpSql = connectPostgres(databaseUrl, { ...pool, connections: 1 });
  const redis = connectRedis(redisUrl, { clientName: "live publisher", commandTimeoutMs: answerLimitMs });
  const stop = new AbortController();
  const health = new Health();
  const running = runPublisher({
    ...{ sql, wakeUpSql, redis, health, signal: stop.signal },
    ...{ pollMs: 50, verifyMs: 100, idleLimitMs: 1_000, answerLimitMs, backoff: { baseMs: 20, maxMs: 100 } },
    ...options,
  });
  return {
    health,
    redis,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await Promise.all([closePostgres(sql), closePostgres(wakeUpSql), redis.close()]);
    },
  };
}
