/**
 * The archiver daemon: `deno task archive`. With a word behind it, one of the tools.
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
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import * as log from "@std/log";
import { pathToFileURL } from "node:url";
import { archiveCommand } from "./config.ts";
import { runArchiver } from "./archiver.ts";
import { openStore } from "./open_store.ts";
import { s3OptionsOf } from "./store_settings.ts";
import { runArchiveTool } from "./tools/archive_tools_main.ts";

// The daemon has no words, but flags.
if (Deno.args[0] !== undefined && !Deno.args[0].startsWith("-")) Deno.exit(await runArchiveTool(Deno.args));
const command = readCommand(archiveCommand, Deno.args, (name) => Deno.env.get(name));
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
  loggers: { archiver: { level: settings.LOG_LEVEL, handlers: ["console"] } },
});
const logger = log.getLogger("archiver");

const exitCode = await runDaemon(logger, async ({ stop }) => {
  const sql = connectPostgres(settings.DATABASE_URL, { applicationName: "events-archiver", connections: 4, logger });
  const redis = connectRedis(settings.REDIS_URL, { clientName: "events-archiver", tls: redisTls(settings), logger });
  const store = await openStore(settings.ARCHIVE_URL ?? pathToFileURL("archive").href, s3OptionsOf(settings));
  try {
    await checkSchema(sql, [leaseMigrations, outboxMigrations]);
    logger.info("Archiving");
    await runArchiver({
      sql,
      redis,
      store,
      logger,
      signal: stop,
      once: flags.once,
      leaseMs: settings.ARCHIVE_LEASE_SECONDS,
      segmentAgeMs: settings.ARCHIVE_SEGMENT_AGE_SECONDS,
    });
  } finally {
    store.close();
    await Promise.all([redis.close(), closePostgres(sql)]);
  }
});
Deno.exit(exitCode);
