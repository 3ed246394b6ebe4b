/**
 * The program of `deno task status`.
 *
 * @module
 */
import { archiverMigrations } from "@events-pipeline/archiver/migrations";
import { readCommand } from "@events-pipeline/common/command";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { sleep } from "@events-pipeline/common/retry";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { publisherMigrations } from "@events-pipeline/publisher/migrations";
import { connectToLook } from "./connect_to_look.ts";
import { readOverview } from "./overview.ts";
import { findStalls, type Stall } from "./stalls.ts";
import { parseSeconds, statusCommand } from "./status_config.ts";
import { statusText } from "./status_text.ts";

/** How often it is shown again with `--watch`, in milliseconds. */
const WATCH_MS = 2_000;

/** Moves the cursor home and clears what is below. */
const CLEAR = "\x1b[H\x1b[J";

const command = readCommand(statusCommand, Deno.args, (name) => Deno.env.get(name));
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags, settings } = command;
const stop = new AbortController();
await using cleanUp = new AsyncDisposableStack();
if (flags.watch) {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const onSignal = (): void => stop.abort();
    Deno.addSignalListener(signal, onSignal);
    cleanUp.defer(() => Deno.removeSignalListener(signal, onSignal));
  }
}
Deno.exitCode = await main().catch((error) => {
  console.error(`${statusCommand.call}: ${describeError(error)}`);
  return 1;
});

async function main(): Promise<number> {
  const sources = connectToLook(settings, "events-status", cleanUp);
  await checkSchema(sources.sql, [leaseMigrations, outboxMigrations, publisherMigrations, archiverMigrations]);
  await checkSchema(sources.consumerSql, [leaseMigrations, consumerMigrations]);
  const afterSeconds = parseSeconds(flags["stalled-after"])!;
  while (true) {
    let text: string;
    let stalls: readonly Stall[] = [];
    try {
      const overview = await readOverview(sources);
      stalls = findStalls(overview, afterSeconds);
      text = flags.json ? JSON.stringify({ ...overview, stalls }) : statusText(overview, stalls);
    } catch (error) {
      if (!flags.watch) throw error;
      text = `${statusCommand.call}: ${describeError(error)}`; // It may pass: that is what is watched.
    }
    console.log(flags.watch && !flags.json && Deno.stdout.isTerminal() ? CLEAR + text : text);
    if (!flags.watch) return stalls.length === 0 ? 0 : 1;
    await sleep(WATCH_MS, stop.signal);
    if (stop.signal.aborted) return 0;
  }
}
