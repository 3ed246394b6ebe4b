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
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { connectToLook } from "../status/connect_to_look.ts";
import { type EventTrace, SearchLimitError, traceEvent } from "./event_trace.ts";
import { parseSeconds } from "../status/status_config.ts";
import { SEARCH_SECONDS, traceCommand } from "./trace_config.ts";
import { traceText } from "./trace_text.ts";

/** After so long, in milliseconds, it is said what takes so long. */
const SAY_MS = 3_000;

/** How much longer than the server the client waits, in milliseconds, so that it hears why that has ended. */
const ANSWER_MS = 5_000;

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
  const limitMs = parseSeconds(flags["search-seconds"] ?? String(SEARCH_SECONDS))! * 1_000;
  const searchSql = connectPostgres(settings.DATABASE_URL, {
    ...{ applicationName: "events-trace", connections: 1, answerLimitMs: limitMs + ANSWER_MS },
  });
  cleanUp.defer(() => closePostgres(searchSql));
  let failed = false;
  for (const [i, eventId] of flags["event-id"].entries()) {
    const trace = await search(eventId);
    if (trace === undefined) {
      const where = store === undefined
        ? "the outbox (set ARCHIVE_URL to search the archive)"
        : "the outbox and the archive";
      console.error(`${traceCommand.call}: Cannot find the event ${eventId} in ${where}`);
      failed = true;
      continue;
    }
    if (flags.json) console.log(JSON.stringify(trace));
    else console.log((i === 0 ? "" : "\n") + traceText(trace));
    if (trace.redisFault !== undefined) {
      console.error(`${traceCommand.call}: Redis does not answer: ${trace.redisFault}`);
      failed = true;
    }
  }
  return failed ? 1 : 0;

  /** Finds an event, and says what takes so long when it does. */
  async function search(eventId: string): Promise<EventTrace | undefined> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const onPlace = (place: string | undefined): void => {
      clearTimeout(timer);
      if (place === undefined) return;
      const most = place === "the outbox" ? `, for ${limitMs / 1_000} s at most` : "";
      timer = setTimeout(() => console.error(`Looking through ${place} for ${eventId}${most}`), SAY_MS);
    };
    try {
      return await traceEvent({ ...servers, store }, eventId.toLowerCase(), { sql: searchSql, limitMs, onPlace });
    } catch (error) {
      if (!(error instanceof SearchLimitError)) throw error;
      throw new Error(`${error.message}, see --search-seconds`);
    } finally {
      clearTimeout(timer);
    }
  }
}
