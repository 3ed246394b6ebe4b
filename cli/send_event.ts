/**
 * The program of `deno task send-event`.
 *
 * @module
 */
import { type Event, eventNamed, InvalidEventError, parseStreamName, type StreamName } from "@events-pipeline/common";
import { readCommand } from "@events-pipeline/common/command";
import { describeError } from "@events-pipeline/common/logger";
import { checkSchema } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { databaseUrlSetting } from "@events-pipeline/common/settings";
import { sqlstateOf } from "@events-pipeline/common/sqlstate";
import { sendEvent } from "@events-pipeline/producer";
import { producerMigrations } from "./migrations.ts";
import { importSchemas } from "./schemas/load_schemas.ts";

const command = readCommand(
  {
    call: "deno task send-event",
    summary: "Sends one event in a transaction of its own, and prints its id.",
    flags: {
      stream: { kind: "text", value: "STREAM", help: "the stream, such as stream:widgets:events", required: true },
      "event-type": { kind: "text", value: "TYPE", help: "the event, such as WidgetCreated", required: true },
      payload: { kind: "text", value: "JSON", help: "the payload", required: true },
      schemas: { kind: "text", value: "FILE", help: "a module that defines more events and streams" },
    },
    settings: { DATABASE_URL: databaseUrlSetting },
  },
  Deno.args,
  (name) => Deno.env.get(name),
);
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { flags, settings } = command;

/** Reads everything that can be wrong with the arguments, before any connection. */
async function readArguments(): Promise<{ readonly stream: StreamName; readonly event: Event }> {
  await importSchemas(undefined);
  if (flags.schemas !== undefined) await importSchemas(flags.schemas);
  const stream = parseStreamName(flags.stream);
  return { stream, event: eventNamed(flags["event-type"]).decode(parsePayload(flags.payload)) };
}

function parsePayload(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TypeError("Cannot read the payload as JSON", { cause: error });
  }
}

/** The message of a wrong argument. A refused payload has zod's whole report as its cause, which says the same again. */
function fault(error: unknown): string {
  return error instanceof InvalidEventError ? error.message : describeError(error);
}

function fail(message: string, exitCode: 1 | 2): never {
  console.error(`deno task send-event: ${message}`);
  Deno.exit(exitCode);
}

/** No such table, no such schema, and permission denied. */
const NOT_READY: ReadonlySet<string> = new Set(["42P01", "3F000", "42501"]);

const options = await readArguments().catch((error) => fail(fault(error), 2));
const sql = connectPostgres(settings.DATABASE_URL, { applicationName: "events-send-event", connections: 1 });
try {
  const eventId = await sql.begin((tx) => sendEvent(tx, options)).catch(async (error) => {
    // A table that is missing, or that may not be written, is told in the words of the migrator.
    if (NOT_READY.has(sqlstateOf(error) ?? "")) await checkSchema(sql, producerMigrations);
    throw error;
  });
  console.log(JSON.stringify({ event_id: eventId }));
} catch (error) {
  // What sendEvent refuses, it refuses before any SQL: a payload that is too large, for example.
  const refused = error instanceof InvalidEventError || error instanceof TypeError;
  fail(fault(error), refused ? 2 : 1);
} finally {
  await closePostgres(sql);
}
