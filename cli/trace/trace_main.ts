/**
 * The program of `deno task trace`.
 *
 * @module
 */
import { openStore, s3OptionsOf } from "@events-pipeline/archiver";
import { readCommand } from "@events-pipeline/common/command";
import { leaseMigrations } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { connectToLook } from "../status/connect_to_look.ts";
import { traceEvent } from "./event_trace.ts";
import { traceCommand } from "./trace_config.ts";
import { traceText } from "./trace_text.ts";

const command = readCommand(traceCommand, Deno.args, (name) => Deno.env.get(name));
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags, settings } = command;
await using cleanUp = new AsyncDisposableStack();
Deno.exitCode = await main().catch((error) => {
  console.error(`${traceCommand.call}: ${describeError(error)}`);
  return 1;
});

async function main(): Promise<number> {
  const servers = connectToLook(settings, "events-trace", cleanUp);
  await checkSchema(servers.sql, [outboxMigrations]);
  await checkSchema(servers.consumerSql, [leaseMigrations, consumerMigrations]);
  const { ARCHIVE_URL } = settings;
  const store = ARCHIVE_URL === undefined ? undefined : await openStore(ARCHIVE_URL, s3OptionsOf(settings));
  cleanUp.defer(() => store?.close());
  let missing = false;
  for (const [i, eventId] of flags["event-id"].entries()) {
    const trace = await traceEvent({ ...servers, store }, eventId.toLowerCase());
    if (trace === undefined) {
      const where = store === undefined
        ? "the outbox (set ARCHIVE_URL to search the archive)"
        : "the outbox and the archive";
      console.error(`${traceCommand.call}: Cannot find the event ${eventId} in ${where}`);
      missing = true;
    } else if (flags.json) console.log(JSON.stringify(trace));
    else console.log((i === 0 ? "" : "\n") + traceText(trace));
  }
  return missing ? 1 : 0;
}
