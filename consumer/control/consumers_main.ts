/**
 * The program of `deno task consumers`.
 *
 * @module
 */
import { compareEntryIds } from "@events-pipeline/common";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import { redisTls } from "@events-pipeline/common/settings";
import { readSubcommand } from "@events-pipeline/common/subcommands";
import { textTable } from "@events-pipeline/common/text-table";
import type { Sql } from "postgres";
import type { ConsumerKey } from "../consumer_state.ts";
import { OutboxHistory } from "../history.ts";
import { consumerMigrations } from "../migrations.ts";
import { agreed } from "@events-pipeline/common/agreed";
import { consumersCommand } from "./consumers_config.ts";
import { type ConsumerStatus, readConsumers, readLags } from "./consumer_status.ts";
import { findConsumers } from "./find_consumer.ts";
import { parseTarget } from "./flag_values.ts";
import { forgetConsumer } from "./forget.ts";
import { pauseConsumer, resumeConsumer } from "./pause.ts";
import { resetConsumer } from "./reset.ts";
import { checkpointFor } from "./reset_target.ts";

const command = readSubcommand(consumersCommand, Deno.args, (name) => Deno.env.get(name));
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const run = command;
await using cleanUp = new AsyncDisposableStack();
Deno.exitCode = await main().catch((error) => {
  console.error(`${consumersCommand.call} ${run.name}: ${describeError(error)}`);
  return 1;
});

async function main(): Promise<number> {
  const sql = connect(run.settings.CONSUMER_DATABASE_URL ?? run.settings.DATABASE_URL);
  await checkSchema(sql, [leaseMigrations, consumerMigrations]);
  switch (run.name) {
    case "list":
      return await list(sql, run.flags.json, run.settings);
    case "pause":
      for (const key of await chosen(sql, run.flags)) {
        console.log(`${title(key)} ${await pauseConsumer(sql, key) ? "is paused" : "was paused already"}`);
      }
      return 0;
    case "resume":
      for (const key of await chosen(sql, run.flags)) {
        console.log(`${title(key)} ${await resumeConsumer(sql, key) ? "goes on" : "was not paused"}`);
      }
      return 0;
    case "reset":
      return await reset(sql, run.flags, run.settings);
    case "forget":
      return await forget(sql, run.flags);
  }
}

function connect(url: string): Sql {
  const sql = connectPostgres(url, { applicationName: "events-consumers", connections: 1 });
  cleanUp.defer(() => closePostgres(sql));
  return sql;
}

type RedisSettings = Parameters<typeof redisTls>[0] & { readonly REDIS_URL: string };

function connectToRedis(settings: RedisSettings): RedisConnection {
  const redis = connectRedis(settings.REDIS_URL, {
    clientName: "events-consumers",
    commandTimeoutMs: 5_000,
    tls: redisTls(settings),
  });
  cleanUp.defer(() => redis.close());
  return redis;
}

/** The consumers that the flags name. All are looked up before anything is done to one. */
async function chosen(
  sql: Sql,
  flags: { readonly consumer: readonly string[]; readonly stream?: string | undefined },
): Promise<readonly ConsumerKey[]> {
  const keys: ConsumerKey[] = [];
  for (const name of new Set(flags.consumer)) {
    const known = await findConsumers(sql, name);
    const wanted = known.filter(({ stream }) => flags.stream === undefined || stream === flags.stream);
    if (wanted.length === 0) {
      throw new Error(
        `Cannot find '${name}' on ${flags.stream}: it reads ${known.map(({ stream }) => stream).join(", ")}`,
      );
    }
    keys.push(...wanted);
  }
  return keys;
}

function title({ consumer, stream }: ConsumerKey): string {
  return `${consumer} (${stream})`;
}

async function list(sql: Sql, json: boolean, settings: RedisSettings): Promise<number> {
  const consumers = await readConsumers(sql);
  const redis = connectToRedis(settings);
  const lags = await readLags(redis, consumers).catch((error) => {
    console.error(`Cannot tell how far they are behind: ${describeError(error)}`);
    return new Map<ConsumerStatus, number>();
  });
  if (json) {
    for (const consumer of consumers) console.log(JSON.stringify({ ...consumer, lag: lags.get(consumer) ?? null }));
  } else if (consumers.length === 0) console.log("No consumer has ever begun.");
  else console.log(table(consumers, lags));
  return 0;
}

function table(consumers: readonly ConsumerStatus[], lags: ReadonlyMap<ConsumerStatus, number>): string {
  const head = ["CONSUMER", "STREAM", "STATE", "LAG", "CHECKPOINT", "DEAD", "OWNER", "ATTEMPTS", "LAST ERROR"];
  return textTable(
    head,
    consumers.map((consumer) => {
      const { failing } = consumer;
      const retry = failing === undefined ? "" : `, again at ${failing.retryAt.toISOString().slice(11, 19)}Z`;
      return [
        ...[consumer.consumer, consumer.stream, consumer.state, String(lags.get(consumer) ?? "?"), consumer.checkpoint],
        ...[String(consumer.deadLetters), consumer.owner?.slice(0, 8) ?? "-"],
        ...[failing === undefined ? "-" : `${failing.attempts}${retry}`, failing?.error.slice(0, 200) ?? ""],
      ];
    }),
  );
}

async function reset(
  sql: Sql,
  flags: { readonly consumer: readonly string[]; readonly to: string; readonly yes: boolean },
  settings: RedisSettings & typeof run.settings,
): Promise<number> {
  const keys = await chosen(sql, flags);
  const redis = connectToRedis(settings);
  const history = new OutboxHistory(
    settings.CONSUMER_DATABASE_URL === undefined ? sql : connect(settings.DATABASE_URL),
  );
  const consumers = await readConsumers(sql);
  const resets: { readonly key: ConsumerKey; readonly checkpoint: string }[] = [];
  for (const key of keys) {
    const checkpoint = await checkpointFor(parseTarget(flags.to)!, key.stream, redis, history);
    const now = consumers.find(({ consumer, stream }) => consumer === key.consumer && stream === key.stream)!;
    const order = compareEntryIds(checkpoint, now.checkpoint);
    console.log(`${title(key)} goes from ${now.checkpoint} ${order > 0 ? "forward" : "back"} to ${checkpoint}`);
    if (order > 0) console.log("  The events in between are never handled.");
    else console.log("  It handles every event behind that again.");
    resets.push({ key, checkpoint });
  }
  if (!flags.yes && !agreed("Reset?")) return 1;
  for (const { key, checkpoint } of resets) {
    const { from, to, handled, deadLetters } = await resetConsumer(sql, key, checkpoint);
    console.log(
      `${title(key)}: ${from} -> ${to}; ${handled} handled events and ${deadLetters} dead letters come again`,
    );
  }
  return 0;
}

async function forget(
  sql: Sql,
  flags: { readonly consumer: readonly string[]; readonly stream: string | undefined; readonly yes: boolean },
): Promise<number> {
  const keys = await chosen(sql, flags);
  for (const key of keys) console.log(`${title(key)}: its checkpoint is removed. If it is run again, it begins anew.`);
  if (!flags.yes && !agreed("Forget?")) return 1;
  for (const key of keys) {
    const { checkpoint, handled } = await forgetConsumer(sql, key);
    console.log(`${title(key)} is forgotten: it was at ${checkpoint}, and ${handled} events were noted as handled`);
  }
  return 0;
}
