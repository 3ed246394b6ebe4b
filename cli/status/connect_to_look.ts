import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { redisTls, type SettingsOf } from "@events-pipeline/common/settings";
import type { Sql } from "postgres";
import type { OverviewSources } from "./overview.ts";
import type { servers } from "./status_config.ts";

/** Who looks does not want to wait long, in milliseconds. */
const ANSWER_MS = 5_000;

/**
 * Connects to the servers of a pipeline, for a program that only looks.
 *
 * @param cleanUp closes the connections
 */
export function connectToLook(
  settings: SettingsOf<typeof servers>,
  name: string,
  cleanUp: AsyncDisposableStack,
): OverviewSources {
  const connect = (url: string): Sql => {
    const sql = connectPostgres(url, { applicationName: name, connections: 2, answerLimitMs: ANSWER_MS });
    cleanUp.defer(() => closePostgres(sql));
    return sql;
  };
  const sql = connect(settings.DATABASE_URL);
  const consumerSql = settings.CONSUMER_DATABASE_URL === undefined ? sql : connect(settings.CONSUMER_DATABASE_URL);
  const redis = connectRedis(settings.REDIS_URL, {
    clientName: name,
    commandTimeoutMs: ANSWER_MS,
    tls: redisTls(settings),
  });
  cleanUp.defer(() => redis.close());
  return { sql, consumerSql, redis };
}
