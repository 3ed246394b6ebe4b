import type { EventDefinition } from "@events-pipeline/common";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** The module of this repository's own events. */
const OWN_SCHEMAS = new URL("../../common/schemas/mod.ts", import.meta.url).href;

/**
 * Imports a module of event schemas.
 *
 * @param file its path from the current folder; this repository's own if there is none
 * @returns what it exports
 * @throws {Error} it cannot be loaded
 */
export async function importSchemas(file: string | undefined): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(file === undefined ? OWN_SCHEMAS : pathToFileURL(resolve(file)).href);
  } catch (error) {
    throw new Error(`Cannot load the schemas file '${file ?? "common/schemas/mod.ts"}'`, { cause: error });
  }
}

/**
 * Loads the events that a module exports, ordered by name.
 *
 * @throws {Error} it cannot be loaded, or exports no event
 */
export async function loadEvents(file: string | undefined): Promise<readonly EventDefinition[]> {
  const exported = Object.values(await importSchemas(file)).filter(isEventDefinition);
  if (exported.length === 0) {
    throw new Error(`Cannot find events in '${file ?? OWN_SCHEMAS}': it exports nothing that defineEvent has made`);
  }
  return [...new Set(exported)].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** By its form: the module may have its own copy of the packages. */
function isEventDefinition(value: unknown): value is EventDefinition {
  if (typeof value !== "object" || value === null) return false;
  const { name, schema, aliases, decode, encode } = value as Partial<EventDefinition>;
  return typeof name === "string" && typeof schema?._zod === "object" && Array.isArray(aliases) &&
    typeof decode === "function" && typeof encode === "function";
}
