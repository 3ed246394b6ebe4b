/**
 * The archiver daemon: `deno task archive`. With a word behind it, one of the tools.
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
import { redactUrl, redisTls } from "@events-pipeline/common/settings";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import * as log from "@std/log";
import { pathToFileURL } from "node:url";
import { archiveCommand } from "./config.ts";
import { runArchiver } from "./archiver.ts";
import { archiverMigrations } from "./migrations.ts";
import { openStore } from "./open_store.ts";
import { s3OptionsOf, s3PutOptionsOf } from "./store_settings.ts";

/** How long PostgreSQL may be silent while it owes an answer, in milliseconds. */
const ANSWER_LIMIT_MS = 30_000;

// The daemon has no words, but flags.
if (Deno.args[0] !== undefined && !Deno.args[0].startsWith("-")) {
  const { runArchiveTool } = await import("./tools/archive_tools_main.ts");
  Deno.exit(await runArchiveTool(Deno.args));
}
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

const health = new Health();
const metrics = prometheusMetrics();

const exitCode = await runDaemon(logger, async ({ stop, cancel }) => {
  await using cleanUp = new AsyncDisposableStack();
  if (settings.MONITOR_ADDRESS !== undefined) {
    cleanUp.use(await startMonitor({ address: settings.MONITOR_ADDRESS, health, metrics, logger }));
  }
  const sql = connectPostgres(settings.DATABASE_URL, {
    applicationName: "events-archiver",
    connections: settings.ARCHIVE_CONCURRENCY + 2,
    answerLimitMs: ANSWER_LIMIT_MS,
    logger,
  });
  cleanUp.defer(() => closePostgres(sql));
  const redis = connectRedis(settings.REDIS_URL, { clientName: "events-archiver", tls: redisTls(settings), logger });
  cleanUp.defer(() => redis.close());
  const url = settings.ARCHIVE_URL ?? pathToFileURL("archive").href;
  const store = await openStore(url, { ...s3OptionsOf(settings), ...s3PutOptionsOf(settings) });
  cleanUp.defer(() => store.close());
  await whenAvailable(
    { logger, health, signal: stop, part: "database" },
    () => checkSchema(sql, [leaseMigrations, outboxMigrations, archiverMigrations]),
  );
  if (stop.aborted) return;
  logger.info("Archiving", { to: redactUrl(url) });
  await runArchiver({
    sql,
    redis,
    store,
    logger,
    health,
    metrics,
    signal: stop,
    cancel,
    once: flags.once,
    include: settings.ARCHIVE_INCLUDE,
    exclude: settings.ARCHIVE_EXCLUDE,
    rules: settings.ARCHIVE_STREAM_LIMITS,
    segmentBytes: settings.ARCHIVE_SEGMENT_BYTES,
    segmentCount: settings.ARCHIVE_SEGMENT_COUNT,
    segmentAgeMs: settings.ARCHIVE_SEGMENT_AGE_SECONDS,
    gzipLevel: settings.ARCHIVE_GZIP_LEVEL,
    concurrency: settings.ARCHIVE_CONCURRENCY,
    leaseMs: settings.ARCHIVE_LEASE_SECONDS,
    stallMs: settings.ARCHIVE_STALL_SECONDS,
  });
});
Deno.exit(exitCode);
