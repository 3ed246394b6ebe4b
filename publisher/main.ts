/**
 * The publisher daemon: `deno task publisher`.
 *
 * @module
 */
import { readCommand } from "@events-pipeline/common/command";
import { runDaemon, whenAvailable } from "@events-pipeline/common/daemon";
import { Health } from "@events-pipeline/common/health";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { logFormatter } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { startMonitor } from "@events-pipeline/common/monitor";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { prometheusMetrics } from "@events-pipeline/common/prometheus";
import { connectRedis } from "@events-pipeline/common/redis";
import { redisTls } from "@events-pipeline/common/settings";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import * as log from "@std/log";
import type { Sql } from "postgres";
import { acceptForeign } from "./accept_foreign.ts";
import { publisherCommand } from "./config.ts";
import { runHousekeeping } from "./housekeeping.ts";
import { MemoryPressure } from "./memory_pressure.ts";
import { publisherMigrations } from "./migrations.ts";
import { runPublisher } from "./publisher.ts";

const command = readCommand(publisherCommand, Deno.args, (name) => Deno.env.get(name));
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags, settings } = command;
const handler = new log.ConsoleHandler(settings.LOG_LEVEL, {
  formatter: logFormatter(settings.LOG_FORMAT),
  useColors: false,
});
log.setup({
  handlers: { console: handler },
  loggers: { publisher: { level: settings.LOG_LEVEL, handlers: ["console"] } },
});
const logger = log.getLogger("publisher");

const health = new Health();
const metrics = prometheusMetrics();

const exitCode = await runDaemon(logger, async ({ stop }) => {
  await using cleanUp = new AsyncDisposableStack();
  if (settings.MONITOR_ADDRESS !== undefined) {
    cleanUp.use(await startMonitor({ address: settings.MONITOR_ADDRESS, health, metrics, logger }));
  }
  const connect = (url: string, applicationName: string, connections: number): Sql => {
    const answerLimitMs = settings.PUBLISHER_DATABASE_ANSWER_SECONDS;
    const sql = connectPostgres(url, { applicationName, connections, answerLimitMs, logger });
    cleanUp.defer(() => closePostgres(sql));
    return sql;
  };
  const sql = connect(settings.DATABASE_URL, "events-publisher", settings.PUBLISHER_CONCURRENCY + 1);
  const wakeUpSql = connect(settings.DATABASE_URL, "events-publisher wake-up", 1);
  const redis = connectRedis(settings.REDIS_URL, {
    clientName: "events-publisher",
    commandTimeoutMs: settings.PUBLISHER_REDIS_ANSWER_SECONDS,
    tls: redisTls(settings),
    logger,
  });
  cleanUp.defer(() => redis.close());
  await whenAvailable(
    { logger, health, signal: stop, part: "database" },
    () => checkSchema(sql, [leaseMigrations, outboxMigrations, publisherMigrations]),
  );
  if (stop.aborted) return;
  if (flags["accept-foreign"] !== undefined) {
    return await acceptForeign({ sql, redis, logger, stream: flags["accept-foreign"], signal: stop });
  }
  logger.info("Publishing");
  const pressure = new MemoryPressure();
  const publishing = runPublisher({
    sql,
    wakeUpSql,
    redis,
    logger,
    health,
    metrics,
    pressure,
    signal: stop,
    once: flags.once,
    batchRows: settings.PUBLISHER_BATCH_ROWS,
    maxEventBytes: settings.PUBLISHER_MAX_EVENT_BYTES,
    concurrency: settings.PUBLISHER_CONCURRENCY,
    pollMs: settings.PUBLISHER_POLL_SECONDS,
    verifyMs: settings.PUBLISHER_VERIFY_SECONDS,
    idleLimitMs: settings.PUBLISHER_IDLE_LIMIT_SECONDS,
    answerLimitMs: settings.PUBLISHER_DATABASE_ANSWER_SECONDS,
    stallMs: settings.PUBLISHER_STALL_SECONDS,
    ...(settings.PUBLISHER_WAIT_REPLICAS === undefined ? {} : {
      replicaWait: { replicas: settings.PUBLISHER_WAIT_REPLICAS, timeoutMs: settings.PUBLISHER_WAIT_SECONDS },
    }),
  });
  if (flags.once) return await publishing;
  const consumerUrl = settings.CONSUMER_DATABASE_URL ?? settings.DATABASE_URL;
  const separate = consumerUrl !== settings.DATABASE_URL;
  const housekeeping = runHousekeeping({
    sql,
    readerDatabases: separate ? [sql, connect(consumerUrl, "events-publisher", 1)] : [sql],
    redis,
    logger,
    health,
    metrics,
    pressure,
    signal: stop,
    keepMs: settings.PUBLISHER_KEEP_SECONDS,
    cleanEveryMs: settings.PUBLISHER_CLEAN_SECONDS,
    cleanRows: settings.PUBLISHER_CLEAN_ROWS,
    retentionMs: settings.PUBLISHER_RETENTION_SECONDS,
    trimEveryMs: settings.PUBLISHER_TRIM_SECONDS,
    memoryShare: settings.PUBLISHER_MEMORY_SHARE,
  });
  await Promise.all([publishing, housekeeping]);
});
Deno.exit(exitCode);
