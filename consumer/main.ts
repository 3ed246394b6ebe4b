/**
 * The consumer daemon: `deno task consume --handlers FILE…`.
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
import * as log from "@std/log";
import type { Sql } from "postgres";
import { consumeCommand } from "./config.ts";
import { OutboxHistory } from "./history.ts";
import { loadHandlers } from "./load_handlers.ts";
import { consumerMigrations } from "./migrations.ts";
import { runConsumers } from "./run_consumers.ts";

const command = readCommand(consumeCommand, Deno.args, (name) => Deno.env.get(name));
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
  loggers: { consumer: { level: settings.LOG_LEVEL, handlers: ["console"] } },
});
const logger = log.getLogger("consumer");

const health = new Health();
const metrics = prometheusMetrics();

const exitCode = await runDaemon(logger, async ({ stop, cancel }) => {
  const consumers = await loadHandlers(flags.handlers);
  await using cleanUp = new AsyncDisposableStack();
  if (settings.MONITOR_ADDRESS !== undefined) {
    cleanUp.use(await startMonitor({ address: settings.MONITOR_ADDRESS, health, metrics, logger }));
  }
  const connect = (url: string, connections: number): Sql => {
    const sql = connectPostgres(url, { applicationName: "events-consumer", connections, logger });
    cleanUp.defer(() => closePostgres(sql));
    return sql;
  };
  const consumerUrl = settings.CONSUMER_DATABASE_URL ?? settings.DATABASE_URL;
  const sql = connect(consumerUrl, settings.CONSUMER_CONNECTIONS);
  const outbox = consumerUrl === settings.DATABASE_URL ? sql : connect(settings.DATABASE_URL, 1);
  const tls = redisTls(settings);
  const redis = connectRedis(settings.REDIS_URL, { clientName: "events-consumer", tls, logger });
  cleanUp.defer(() => redis.close());
  const blockingRedis = connectRedis(settings.REDIS_URL, {
    clientName: "events-consumer watch",
    commandTimeoutMs: 15_000,
    connectionPerSlot: true,
    tls,
    logger,
  });
  cleanUp.defer(() => blockingRedis.close());
  await whenAvailable(
    { logger, health, signal: stop, part: "database" },
    () => checkSchema(sql, [leaseMigrations, consumerMigrations]),
  );
  if (stop.aborted) return;
  logger.info("Consuming", { consumers: consumers.map((consumer) => consumer.name) });
  await runConsumers(consumers, {
    sql,
    redis,
    blockingRedis,
    history: new OutboxHistory(outbox),
    logger,
    health,
    metrics,
    signal: stop,
    cancel,
    leaseMs: settings.CONSUMER_LEASE_SECONDS,
    keepMs: settings.CONSUMER_KEEP_SECONDS,
    stallMs: settings.CONSUMER_STALL_SECONDS,
    once: flags.once,
  });
});
Deno.exit(exitCode);
