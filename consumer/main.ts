/**
 * The consumer daemon: `deno task consume --handlers FILE…`.
 *
 * @module
 */
import { ArchiveHistory, openStore, s3OptionsOf } from "@events-pipeline/archiver";
import { readCommand } from "@events-pipeline/common/command";
import { runDaemon, type Shutdown, whenAvailable } from "@events-pipeline/common/daemon";
import { Health } from "@events-pipeline/common/health";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { describeError, logFormatter } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { startMonitor } from "@events-pipeline/common/monitor";
import { closePostgres, connectPostgres, type PostgresOptions } from "@events-pipeline/common/postgres";
import { prometheusMetrics } from "@events-pipeline/common/prometheus";
import { connectRedis } from "@events-pipeline/common/redis";
import { redisTls } from "@events-pipeline/common/settings";
import * as log from "@std/log";
import type { Sql } from "postgres";
import { CANARY_CONSUMER } from "./canary/canary_consumer.ts";
import { parseInterval } from "./canary/canary_interval.ts";
import { chooseConsumers } from "./choose_consumers.ts";
import { consumeCommand } from "./config.ts";
import type { Consumer } from "./define_consumer.ts";
import { outliveForgottenPromises } from "./forgotten_promises.ts";
import { Histories, type History, OutboxHistory } from "./history.ts";
import { listConsumers } from "./isolation/list_consumers.ts";
import { loadHandlers } from "./load_handlers.ts";
import { consumerMigrations } from "./migrations.ts";
import { giveUpRunning, ownProgram } from "./isolation/own_program.ts";
import { runConsumers } from "./run_consumers.ts";
import { Supervisor } from "./isolation/supervisor.ts";
import { supervisorLink } from "./isolation/supervisor_link.ts";

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

/** How long PostgreSQL may take for the statement that sends a canary, in milliseconds. */
const CANARY_ANSWER_MS = 10_000;

/** Loads the consumers that are to be run. */
async function load(): Promise<readonly Consumer[]> {
  await giveUpRunning();
  return chooseConsumers(await loadHandlers(flags.handlers), flags.only);
}

/** Prints the names of the consumers. @returns the exit code */
async function list(): Promise<number> {
  try {
    console.log(JSON.stringify((await load()).map(({ name }) => name)));
    return 0;
  } catch (error) {
    console.error(describeError(error));
    return 1;
  }
}

/** Runs each consumer in a process of its own. */
async function isolate({ stop, cancel }: Shutdown): Promise<void> {
  const program = await ownProgram(settings.CONSUMER_ISOLATE_FLAGS);
  const only = (names: readonly string[]): string[] => names.flatMap((name) => ["--only", name]);
  const args = ["--handlers", ...flags.handlers];
  const handlers = flags.handlers.length === 0
    ? chooseConsumers([], flags.only).map(({ name }) => name)
    : await listConsumers(program([...args, "--list", ...only(flags.only)]), stop);
  if (flags.canary !== undefined && handlers.includes(CANARY_CONSUMER)) {
    throw new TypeError(`Cannot send canaries: a handlers file has a consumer of the name '${CANARY_CONSUMER}'`);
  }
  const names = [...handlers, ...(flags.canary === undefined ? [] : [CANARY_CONSUMER])];
  const supervisor = new Supervisor(names, {
    call: (name) =>
      flags.canary !== undefined && name === CANARY_CONSUMER
        ? program(["--canary", flags.canary])
        : program([...args, ...(flags.once ? ["--once"] : []), ...only([name])]),
    ...{ logger, health, metrics, stop, cancel, stopMs: settings.CONSUMER_STOP_SECONDS, once: flags.once },
  });
  await using cleanUp = new AsyncDisposableStack();
  if (settings.MONITOR_ADDRESS !== undefined) {
    const all = { render: () => supervisor.renderMetrics(), contentType: metrics.contentType };
    cleanUp.use(await startMonitor({ address: settings.MONITOR_ADDRESS, health, metrics: all, logger }));
  }
  logger.info("Consuming, each in a process of its own", { consumers: names });
  await supervisor.run();
}

/** Runs the consumers in this process. */
async function consume(shutdown: Shutdown): Promise<void> {
  const consumers = await load();
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.use(outliveForgottenPromises(logger));
  const link = supervisorLink();
  if (link !== undefined) cleanUp.use(link.report(health, metrics));
  const stop = link === undefined ? shutdown.stop : AbortSignal.any([shutdown.stop, link.stop]);
  const cancel = link === undefined ? shutdown.cancel : AbortSignal.any([shutdown.cancel, link.cancel]);
  if (settings.MONITOR_ADDRESS !== undefined) {
    cleanUp.use(await startMonitor({ address: settings.MONITOR_ADDRESS, health, metrics, logger }));
  }
  const connect = (url: string, connections: number, limits: Pick<PostgresOptions, "answerLimitMs"> = {}): Sql => {
    const sql = connectPostgres(url, { applicationName: "events-consumer", connections, logger, ...limits });
    cleanUp.defer(() => closePostgres(sql));
    return sql;
  };
  const consumerUrl = settings.CONSUMER_DATABASE_URL ?? settings.DATABASE_URL;
  const sql = connect(consumerUrl, settings.CONSUMER_CONNECTIONS);
  const leaseSql = connect(consumerUrl, 1);
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
  const everyMs = flags.canary === undefined ? undefined : parseInterval(flags.canary);
  logger.info("Consuming", { consumers: consumers.map((consumer) => consumer.name) });
  if (flags.canary !== undefined) {
    logger.info("Sending canaries", { every: flags.canary, stream: settings.CONSUMER_CANARY_STREAM });
  }
  const histories: History[] = [new OutboxHistory(outbox)];
  if (settings.ARCHIVE_URL !== undefined) {
    const store = await openStore(settings.ARCHIVE_URL, s3OptionsOf(settings));
    cleanUp.defer(() => store.close());
    histories.push(new ArchiveHistory(store));
  }
  await runConsumers(consumers, {
    sql,
    leaseSql,
    redis,
    blockingRedis,
    history: new Histories(histories),
    logger,
    health,
    metrics,
    signal: stop,
    cancel,
    leaseMs: settings.CONSUMER_LEASE_SECONDS,
    keepMs: settings.CONSUMER_KEEP_SECONDS,
    stallMs: settings.CONSUMER_STALL_SECONDS,
    once: flags.once,
    ...(everyMs === undefined ? {} : {
      canary: {
        ...{ everyMs, stream: settings.CONSUMER_CANARY_STREAM },
        sql: connect(settings.DATABASE_URL, 1, { answerLimitMs: CANARY_ANSWER_MS }),
      },
    }),
  });
}

Deno.exit(flags.list ? await list() : await runDaemon(logger, flags.isolate ? isolate : consume));
