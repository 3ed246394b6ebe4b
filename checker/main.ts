/**
 * The program of `deno task check-pipeline`.
 *
 * @module
 */
import { openStore, s3OptionsOf } from "@events-pipeline/archiver";
import { readCommand } from "@events-pipeline/common/command";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { checkSchema, NewerSchemaError } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisConnection, type RedisOptions } from "@events-pipeline/common/redis";
import { redisTls } from "@events-pipeline/common/settings";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { publisherMigrations } from "@events-pipeline/publisher/migrations";
import type { Sql } from "postgres";
import type { CheckProgress, HandledTable } from "./check_options.ts";
import { checkPipeline, listStreams } from "./check_pipeline.ts";
import { checkCommand } from "./config.ts";
import { parseHandledTable, parseVersionRule } from "./flag_values.ts";
import { reportText } from "./report_text.ts";

const command = readCommand(checkCommand, Deno.args, (name) => Deno.env.get(name));
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags, settings } = command;
const live = Deno.stderr.isTerminal();
Deno.exit(await main());

async function main(): Promise<number> {
  await using cleanUp = new AsyncDisposableStack();
  try {
    const handled = handledTable();
    const connect = (url: string): Sql => {
      const sql = connectPostgres(url, { applicationName: "events-check-pipeline", connections: 3 });
      cleanUp.defer(() => closePostgres(sql));
      return sql;
    };
    const sql = connect(settings.DATABASE_URL);
    const consumerSql = connect(settings.CONSUMER_DATABASE_URL ?? settings.DATABASE_URL);
    await checkSchema(sql, [leaseMigrations, outboxMigrations, publisherMigrations]);
    await findRedis();
    const redis = connectToRedis();
    cleanUp.defer(() => redis.close());
    const archiveUrl = flags.archive ?? settings.ARCHIVE_URL;
    const archive = archiveUrl === undefined ? undefined : await openStore(archiveUrl, s3OptionsOf(settings));
    cleanUp.defer(() => archive?.close());
    const streams = await chosenStreams(sql);
    const report = await checkPipeline({
      ...{ sql, consumerSql, redis, streams },
      complete: flags.complete,
      versions: flags["version-of"].map(parseVersionRule),
      ...(archive === undefined ? {} : { archive }),
      ...(handled === undefined ? {} : { handled }),
      ...(live ? { onProgress: showProgress } : {}),
    });
    showLine("");
    console.log(flags.json ? JSON.stringify(report) : reportText(report));
    return report.right ? 0 : 1;
  } catch (error) {
    showLine("");
    console.error(`deno task check-pipeline: ${describeError(error)}`);
    return error instanceof NewerSchemaError ? 3 : 2;
  }
}

/** Fails soon when Redis is away. Later a command may take longer, and outlast a lost connection. */
async function findRedis(): Promise<void> {
  const redis = connectToRedis({ commandTimeoutMs: 2_000 });
  try {
    await redis.callPrimaries("PING");
  } finally {
    await redis.close();
  }
}

function connectToRedis(limits: Pick<RedisOptions, "commandTimeoutMs"> = {}): RedisConnection {
  return connectRedis(settings.REDIS_URL, { clientName: "events-check-pipeline", tls: redisTls(settings), ...limits });
}

function handledTable(): HandledTable | undefined {
  const { consumer, "handled-table": table, "handled-type": eventTypes } = flags;
  if (table === undefined) return undefined;
  return {
    ...parseHandledTable(table),
    ...(consumer === undefined ? {} : { consumer }),
    ...(eventTypes.length === 0 ? {} : { eventTypes }),
  };
}

async function chosenStreams(sql: Sql): Promise<readonly string[]> {
  const known = await listStreams(sql);
  const unknown = flags.stream.filter((stream) => !known.includes(stream));
  if (unknown.length === 0) return flags.stream.length > 0 ? flags.stream : known;
  throw new Error(`Cannot check ${unknown.join(", ")}: the outbox has only had ${known.join(", ") || "no stream"}`);
}

function showProgress({ stream, stage, done, upTo }: CheckProgress): void {
  showLine(`${stream}, ${stage}: ${done} events read, to be judged up to position ${upTo}`);
}

/** Puts a line in the place of the one before. */
function showLine(line: string): void {
  if (live) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${line}`));
}
