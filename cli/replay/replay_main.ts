/**
 * The program of `deno task replay`.
 *
 * @module
 */
import { ArchiveHistory, openStore, s3OptionsOf } from "@events-pipeline/archiver";
import { beginningAt, endingAt, parsePlace, Progress } from "@events-pipeline/archiver/tools";
import { defineStreamName, parseEntryId, parseStreamName, ZERO_ENTRY_ID } from "@events-pipeline/common";
import { agreed } from "@events-pipeline/common/agreed";
import { readCommand } from "@events-pipeline/common/command";
import {
  acquireLease,
  type Lease,
  leaseMigrations,
  readLease,
  releaseLease,
  saveCheckpoint,
} from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { checkSchema, type MigrationSet } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { sleep } from "@events-pipeline/common/retry";
import { countFailedReplays, countReplaying, findConsumers } from "@events-pipeline/consumer/control";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { resendEvents } from "@events-pipeline/producer";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { pathToFileURL } from "node:url";
import type { Sql } from "postgres";
import { ConsumerTarget } from "./consumer_target.ts";
import { parseRate, replayCommand } from "./replay_config.ts";
import { runReplay } from "./run_replay.ts";

/** How long a replay that was ended by force keeps its place, in milliseconds. */
const LEASE_MS = 5_000;

/** So many events are sent in one transaction. */
const SEND_EVENTS = 1_000;

const command = readCommand(replayCommand, Deno.args, (name) => Deno.env.get(name));
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags, settings } = command;
if ((flags.consumer === undefined) === (flags["to-stream"] === undefined)) {
  console.error(`${replayCommand.call}: say either --consumer or --to-stream\nSee ${replayCommand.call} --help`);
  Deno.exit(2);
}
await using cleanUp = new AsyncDisposableStack();
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  const onSignal = (): void => stop.abort();
  Deno.addSignalListener(signal, onSignal);
  cleanUp.defer(() => Deno.removeSignalListener(signal, onSignal));
}
Deno.exitCode = await main().catch((error) => {
  console.error(`${replayCommand.call}: ${describeError(error)}`);
  return 1;
});

async function main(): Promise<number> {
  const { stream } = flags;
  const [from, to] = [parsePlace(flags.from)!, parsePlace(flags.to)!];
  const store = await openStore(settings.ARCHIVE_URL ?? pathToFileURL("archive").href, s3OptionsOf(settings));
  cleanUp.defer(() => store.close());
  const history = new ArchiveHistory(store);
  const end = await history.lastBefore(stream, Number.MAX_SAFE_INTEGER);
  const until = to.kind === "entry" ? to.id : await history.lastBefore(stream, (endingAt(to) as Date).getTime());
  const first = from.kind === "entry"
    ? parseEntryId(from.id).position
    : parseEntryId(await history.lastBefore(stream, from.ms) ?? ZERO_ENTRY_ID).position + 1;
  const last = Math.min(...[until, end].map((id) => parseEntryId(id ?? ZERO_ENTRY_ID).position));
  if (last < first) {
    throw new Error(`Cannot replay ${stream} from ${flags.from} to ${flags.to}: the archive has none of it`);
  }

  const sql = await connect(flags.consumer === undefined);
  const say = (text: string): void => console.error(text);
  const key = { consumer: flags.consumer ?? "", stream };
  if (flags.consumer !== undefined) await checkConsumer(sql, flags.consumer, stream);
  else await checkTargetStream(sql, flags["to-stream"]!, stream);
  const types = new Set(flags["event-type"]);
  const range = `${last - first + 1} events of ${stream}, positions ${first} to ${last}` +
    (types.size === 0 ? "" : `, those of type ${[...types].join(", ")}`);
  console.log(
    flags.consumer !== undefined
      ? `'${flags.consumer}' handles once more: ${range}. Its checkpoint and what else it has handled stay as they are.`
      : `Into ${flags["to-stream"]} go once more, as events of their own: ${range}.`,
  );
  if (!flags.yes && !agreed("Replay?")) return 1;

  const lease = await takeLease(
    sql,
    `replay:${
      [flags.consumer ?? `to ${flags["to-stream"]}`, `${flags.from}..${flags.to}`, ...[...types].sort()].join(":")
    }`,
  );
  const done = parseEntryId(lease.checkpoint).position;
  if (done >= last) {
    console.log("All of it was replayed before. Say --again to do it once more.");
    return 0;
  }
  if (done > 0) console.log(`Going on behind position ${done}, up to which it was replayed before.`);
  const progress = new Progress(say);
  const beginning = Date.now();
  const consumerTarget = new ConsumerTarget(sql, key, say);
  const events = await runReplay({
    ...{ sql, store, lease, leaseMs: LEASE_MS, eventTypes: types, signal: stop.signal },
    after: beginningAt(from),
    until: endingAt(to),
    ratePerSecond: flags.rate === undefined ? Infinity : parseRate(flags.rate)!,
    target: flags.consumer !== undefined ? consumerTarget : {
      take: async (tx, entries) => void await resendEvents(tx, { stream: flags["to-stream"]!, entries }),
      ready: () => Promise.resolve(SEND_EVENTS),
    },
    onProgress: (events, entryId) =>
      progress.tell(() => {
        const { position } = parseEntryId(entryId);
        const rate = Math.round(events / (Date.now() - beginning) * 1_000);
        return `Position ${position} of ${last}: ${events} events, ${rate}/s`;
      }),
  });
  const whole = stop.signal.aborted ? "Stopped. The same command goes on where it was" : "Done";
  if (flags.consumer === undefined) console.log(`${whole}: ${events} events were sent`);
  else {
    const { ahead } = consumerTarget;
    const waiting = await countReplaying(sql, key);
    const failed = await countFailedReplays(sql, key, { first, last });
    console.log(
      `${whole}: ${events - ahead - waiting} events were handled, ${failed} of the range are dead letters of a replay`,
    );
    if (ahead > 0) {
      console.log(`${ahead} were left out: '${flags.consumer}' has not come to them, and handles them in their turn`);
    }
  }
  return stop.signal.aborted ? 1 : 0;
}

async function connect(toStream: boolean): Promise<Sql> {
  const url = toStream ? settings.DATABASE_URL : settings.CONSUMER_DATABASE_URL ?? settings.DATABASE_URL;
  const sql = connectPostgres(url, { applicationName: "events-replay", connections: 2 });
  cleanUp.defer(() => closePostgres(sql));
  const migrations: readonly MigrationSet[] = [leaseMigrations, toStream ? outboxMigrations : consumerMigrations];
  await checkSchema(sql, migrations);
  return sql;
}

async function checkConsumer(sql: Sql, consumer: string, stream: string): Promise<void> {
  const streams = (await findConsumers(sql, consumer)).map((key) => key.stream);
  if (streams.includes(stream)) return;
  throw new Error(`Cannot replay ${stream} with '${consumer}': it reads ${streams.join(", ")}`);
}

/** A typing error must not make a stream that nobody reads. */
async function checkTargetStream(sql: Sql, target: string, source: string): Promise<void> {
  if (target === source) {
    throw new Error(
      `Cannot send the events of ${source} into it again: each consumer would handle them as others. Say --consumer`,
    );
  }
  if (await readLease(sql, { stream: target, role: "publisher" }) !== undefined) return;
  try {
    parseStreamName(target);
  } catch (error) {
    defineStreamName(target); // Says so if it is no name at all.
    throw error;
  }
}

/** Takes the replay's own lease: one that was ended by force has it for a few seconds more. */
async function takeLease(sql: Sql, role: string): Promise<Lease> {
  const ownerId = crypto.randomUUID();
  const giveUpAt = Date.now() + 2 * LEASE_MS;
  while (true) {
    const lease = await acquireLease(sql, { stream: flags.stream, role }, { ownerId, leaseMs: LEASE_MS });
    if (lease !== undefined) {
      cleanUp.defer(() => releaseLease(sql, lease).catch(() => {})); // It runs out.
      if (!flags.again) return lease;
      await saveCheckpoint(sql, lease, ZERO_ENTRY_ID);
      return { ...lease, checkpoint: ZERO_ENTRY_ID };
    }
    if (Date.now() > giveUpAt) throw new Error("Cannot replay: another process does the same replay");
    await sleep(500, stop.signal);
    stop.signal.throwIfAborted();
  }
}
