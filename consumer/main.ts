/**
 * The consumer daemon: `deno task consume --handlers FILE…`.
 *
 * @module
 */
import { readCommand } from "@events-pipeline/common/command";
import { runDaemon } from "@events-pipeline/common/daemon";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { logFormatter } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { redisTls } from "@events-pipeline/common/settings";
import * as log from "@std/log";
import { consumeCommand } from "./config.ts";
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

const exitCode = await runDaemon(logger, async ({ stop, cancel }) => {
  const consumers = await loadHandlers(flags.handlers);
  const sql = connectPostgres(settings.CONSUMER_DATABASE_URL ?? settings.DATABASE_URL, {
    applicationName: "events-consumer",
    connections: settings.CONSUMER_CONNECTIONS,
    logger,
  });
  const tls = redisTls(settings);
  const redis = connectRedis(settings.REDIS_URL, { clientName: "events-consumer", tls, logger });
  const blockingRedis = connectRedis(settings.REDIS_URL, {
    clientName: "events-consumer watch",
    commandTimeoutMs: 15_000,
    connectionPerSlot: true,
    tls,
    logger,
  });
  try {
    await checkSchema(sql, [leaseMigrations, consumerMigrations]);
    logger.info("Consuming", { consumers: consumers.map((consumer) => consumer.name) });
    await runConsumers(consumers, {
      sql,
      redis,
      blockingRedis,
      logger,
      signal: stop,
      cancel,
      leaseMs: settings.CONSUMER_LEASE_SECONDS,
      once: flags.once,
    });
  } finally {
    await Promise.all([redis.close(), blockingRedis.close(), closePostgres(sql)]);
  }
});
Deno.exit(exitCode);
