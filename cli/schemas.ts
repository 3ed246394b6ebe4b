/**
 * The program of `deno task schemas`.
 *
 * @module
 */
import type { EventDefinition } from "@events-pipeline/common";
import { eventJsonSchema } from "@events-pipeline/common/json-schema";
import { describeError } from "@events-pipeline/common/logger";
import { readSubcommand } from "@events-pipeline/common/subcommands";
import { loadHandlers } from "@events-pipeline/consumer";
import { join } from "node:path";
import { type CatalogueEvent, describeEvent } from "./schemas/catalogue.ts";
import { eventList, eventText } from "./schemas/event_text.ts";
import { htmlPage } from "./schemas/html_page.ts";
import { loadEvents } from "./schemas/load_schemas.ts";
import { markdownPage } from "./schemas/markdown_page.ts";
import { schemasCommand } from "./schemas/schemas_config.ts";

const command = readSubcommand(schemasCommand, Deno.args, () => undefined);
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const run = command;

/** Ends the program: 2 for what was asked for, 1 for what could not be done. */
function fail(error: unknown, exitCode: 1 | 2): never {
  console.error(`${schemasCommand.call} ${run.name}: ${describeError(error)}`);
  Deno.exit(exitCode);
}

const events = await loadEvents(run.flags.schemas).catch((error) => fail(error, 2));
switch (run.name) {
  case "ls":
    console.log(eventList(events.map((event) => describeEvent(event))));
    break;
  case "show":
    console.log(run.flags.name.map((name) => eventText(describeEvent(named(name)))).join("\n\n"));
    break;
  case "json-schema":
    if (run.flags.out === undefined) console.log(JSON.stringify(Object.fromEntries(schemas()), null, 2));
    else await writeSchemas(run.flags.out).catch((error) => fail(error, 1));
    break;
  case "docs": {
    const described = await describeAll(run.flags.handlers).catch((error) => fail(error, 2));
    console.log(run.flags.format === "html" ? htmlPage(described) : markdownPage(described));
    break;
  }
}

function named(name: string): EventDefinition {
  const event = events.find((event) => event.name === name || event.aliases.includes(name));
  const known = events.map((event) => event.name).join(", ");
  return event ?? fail(new TypeError(`There is no event '${name}'. There are: ${known}`), 2);
}

function schemas(): [name: string, schema: unknown][] {
  return events.map((event) => [event.name, eventJsonSchema(event)]);
}

async function writeSchemas(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, schema] of schemas()) {
    const path = join(folder, `${name}.json`);
    await Deno.writeTextFile(path, `${JSON.stringify(schema, null, 2)}\n`);
    console.log(path);
  }
}

async function describeAll(handlers: readonly string[]): Promise<readonly CatalogueEvent[]> {
  const consumers = handlers.length === 0 ? [] : await loadHandlers(handlers);
  return events.map((event) => describeEvent(event, consumers));
}
