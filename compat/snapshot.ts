import type { EventForm, Snapshot } from "./normal_form.ts";
import { readSchema } from "./read_schema.ts";

/** How deep objects of events and stream names may be nested. */
const MAX_DEPTH = 4;

const STREAM_NAME = /^stream:[a-z0-9]+(?:[-_:][a-z0-9]+)*:events$/;

/**
 * Takes down every event and stream name that modules export, in a form that does not depend on the version of zod.
 *
 * Events are known by their structure: a name and a zod schema. Stream names are texts `stream:<domain>:events`. Both are found on
 * their own, or in an object or a namespace (`export * as orders from "./orders.ts"`).
 *
 * @param modules what the modules export: `[await import("./schemas/mod.ts")]`
 * @throws {TypeError} an event's schema cannot be read, or two different events have the same name
 *
 * @example
 * ```ts
 * import { snapshotOf } from "@events-pipeline/compat";
 * import * as schemas from "@events-pipeline/common/schemas";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Object.keys(snapshotOf([schemas]).events), ["WidgetCreated"]);
 * ```
 */
export function snapshotOf(modules: readonly Readonly<Record<string, unknown>>[]): Snapshot {
  const events = new Map<string, EventForm>();
  const schemas = new Map<string, unknown>();
  const streams = new Map<string, string>();
  const visit = (key: string, value: unknown, depth: number): void => {
    if (isEvent(value)) {
      const known = schemas.get(value.name);
      if (known === value.schema) return;
      if (known !== undefined) {
        throw new TypeError(`Cannot take the event '${value.name}' down: two that differ are exported under that name`);
      }
      schemas.set(value.name, value.schema);
      events.set(value.name, readEvent(value));
    } else if (typeof value === "string") {
      if (STREAM_NAME.test(value) && ![...streams.values()].includes(value)) streams.set(key, value);
    } else if (isPlainObject(value) && depth < MAX_DEPTH) {
      for (const [member, inner] of Object.entries(value)) {
        visit(key === "" ? member : `${key}.${member}`, inner, depth + 1);
      }
    }
  };
  for (const module of modules) visit("", module, 0);
  return { format: 1, events: sorted(events), streams: sorted(streams) };
}

/** Whether it is an object whose members are looked at: one of the program's own, or a module's. */
function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && [null, Object.prototype].includes(Object.getPrototypeOf(value));
}

interface Exported {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly schema: unknown;
}

function isEvent(value: unknown): value is Exported {
  if (typeof value !== "object" || value === null) return false;
  const { name, schema, encode, decode } = value as Record<string, unknown>;
  return typeof name === "string" && typeof schema === "object" && schema !== null && "_zod" in schema &&
    typeof encode === "function" && typeof decode === "function";
}

function readEvent({ name, schema, aliases = [] }: Exported): EventForm {
  try {
    return { ...readSchema(schema), aliases: [...aliases].sort() };
  } catch (cause) {
    throw new TypeError(`Cannot take the event '${name}' down: ${(cause as Error).message}`, { cause });
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): { [key: string]: T } {
  return Object.fromEntries([...map].sort(([a], [b]) => a < b ? -1 : 1));
}
