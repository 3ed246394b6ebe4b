/**
 * The program of `deno task console`.
 *
 * @module
 */
import { openStore, s3OptionsOf } from "@events-pipeline/archiver";
import { archiverMigrations } from "@events-pipeline/archiver/migrations";
import { loadEvents } from "@events-pipeline/cli/schemas/load_schemas";
import { readCommand } from "@events-pipeline/common/command";
import { runDaemon, type Shutdown, whenAvailable } from "@events-pipeline/common/daemon";
import { Health } from "@events-pipeline/common/health";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { logFormatter } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { redisTls } from "@events-pipeline/common/settings";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import * as log from "@std/log";
import type { Sql } from "postgres";
import { Access } from "./access.ts";
import { addressFault, consoleCommand } from "./config.ts";
import { loadHistory } from "./load_history.ts";
import { maskOf } from "./mask.ts";
import { consoleMigrations } from "./migrations.ts";
import { startConsole } from "./server.ts";

/** For how long PostgreSQL may be silent: longer than any search may take. */
const ANSWER_LIMIT_MS = 8_000;

const command = readCommand(consoleCommand, Deno.args, (name) => Deno.env.get(name));
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags, settings } = command;
const accessOptions = { token: settings.CONSOLE_TOKEN, proxyHeader: settings.CONSOLE_PROXY_HEADER };
const fault = addressFault(settings.CONSOLE_ADDRESS, accessOptions);
if (fault !== undefined) {
  console.error(`${consoleCommand.call}: cannot start:\n  ${fault}\nSee ${consoleCommand.call} --help`);
  Deno.exit(2);
}
const handler = new log.ConsoleHandler(settings.LOG_LEVEL, {
  formatter: logFormatter(settings.LOG_FORMAT),
  useColors: false,
});
log.setup({
  handlers: { console: handler },
  loggers: { console: { level: settings.LOG_LEVEL, handlers: ["console"] } },
});
const logger = log.getLogger("console");

async function serve({ stop }: Shutdown): Promise<void> {
  const events = await loadEvents(flags.schemas);
  const history = await loadHistory(flags["schema-history"]);
  await using cleanUp = new AsyncDisposableStack();
  const connect = (url: string): Sql => {
    const sql = connectPostgres(url, {
      ...{ applicationName: "events-console", connections: 4, logger },
      answerLimitMs: ANSWER_LIMIT_MS,
    });
    cleanUp.defer(() => closePostgres(sql));
    return sql;
  };
  const outbox = connect(settings.DATABASE_URL);
  const consumerUrl = settings.CONSUMER_DATABASE_URL ?? settings.DATABASE_URL;
  const sql = consumerUrl === settings.DATABASE_URL ? outbox : connect(consumerUrl);
  const redis = connectRedis(settings.REDIS_URL, {
    ...{ clientName: "events-console", commandTimeoutMs: 3_000, tls: redisTls(settings), logger },
  });
  cleanUp.defer(() => redis.close());
  const health = new Health();
  await whenAvailable({ logger, health, signal: stop, part: "database" }, async () => {
    await checkSchema(outbox, [leaseMigrations, outboxMigrations, archiverMigrations]);
    await checkSchema(sql, [leaseMigrations, consumerMigrations, consoleMigrations]);
  });
  if (stop.aborted) return;
  const store = settings.ARCHIVE_URL === undefined
    ? undefined
    : await openStore(settings.ARCHIVE_URL, s3OptionsOf(settings));
  if (store !== undefined) cleanUp.defer(() => store.close());
  const { url } = cleanUp.use(startConsole(settings.CONSOLE_ADDRESS, {
    ...{ outbox, sql, redis, events, history, store, logger },
    access: new Access(accessOptions),
    allowActions: flags["allow-actions"],
    stalledSeconds: settings.CONSOLE_STALLED_SECONDS,
    mask: maskOf(settings.CONSOLE_MASK),
  }));
  logger.info("Serving the console", { url, actions: flags["allow-actions"] });
  await new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve(), { once: true }));
}

Deno.exit(await runDaemon(logger, serve));
