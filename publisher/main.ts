/**
 * The publisher daemon: `deno task publisher`.
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
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import * as log from "@std/log";
import { publisherCommand } from "./config.ts";
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

const exitCode = await runDaemon(logger, async ({ stop }) => {
  const sql = connectPostgres(settings.DATABASE_URL, {
    applicationName: "events-publisher",
    connections: settings.PUBLISHER_CONCURRENCY + 1,
    logger,
  });
  const wakeUpSql = connectPostgres(settings.DATABASE_URL, {
    applicationName: "events-publisher wake-up",
    connections: 1,
    logger,
  });
  const redis = connectRedis(settings.REDIS_URL, { clientName: "events-publisher", logger });
  try {
    await checkSchema(sql, [leaseMigrations, outboxMigrations, publisherMigrations]);
    logger.info("Publishing");
    await runPublisher({
      sql,
      wakeUpSql,
      redis,
      logger,
      signal: stop,
      once: flags.once,
      batchRows: settings.PUBLISHER_BATCH_ROWS,
      concurrency: settings.PUBLISHER_CONCURRENCY,
      pollMs: settings.PUBLISHER_POLL_SECONDS,
      verifyMs: settings.PUBLISHER_VERIFY_SECONDS,
      idleLimitMs: settings.PUBLISHER_IDLE_LIMIT_SECONDS,
    });
  } finally {
    await Promise.all([redis.close(), closePostgres(sql), closePostgres(wakeUpSql)]);
  }
});
Deno.exit(exitCode);
