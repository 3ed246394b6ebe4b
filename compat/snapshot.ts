import type { EventForm, Snapshot } from "./normal_form.ts";
import { readSchema } from "./read_schema.ts";

const STREAM_NAME = /^stream:[a-z0-9]+(?:[-_:][a-z0-9]+)*:events$/;

/**
 * Takes down every event and stream name that modules export, in a form that does not depend on the version of zod.
 *
 * Events are known by their structure: a name and a zod schema. Stream names are texts `stream:<domain>:events`, exported on their own
 * or in an object.
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
  for (const module of modules) {
    for (const [key, value] of Object.entries(module)) {
      if (isEvent(value)) {
        if (schemas.has(value.name)) {
          if (schemas.get(value.name) === value.schema) continue;
          throw new TypeError(
            `Cannot take the event '${value.name}' down: two that differ are exported under that name`,
          );
        }
        schemas.set(value.name, value.schema);
        events.set(value.name, readEvent(value));
      } else addStreams(streams, key, value);
    }
  }
  return { format: 1, events: sorted(events), streams: sorted(streams) };
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

function addStreams(streams: Map<string, string>, key: string, value: unknown): void {
  if (typeof value === "string") {
    if (STREAM_NAME.test(value) && ![...streams.values()].includes(value)) streams.set(key, value);
  } else if (
    typeof value === "object" && value !== null && [null, Object.prototype].includes(Object.getPrototypeOf(value))
  ) {
    for (const [member, name] of Object.entries(value)) {
      if (typeof name === "string") addStreams(streams, `${key}.${member}`, name);
    }
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): { [key: string]: T } {
  return Object.fromEntries([...map].sort(([a], [b]) => a < b ? -1 : 1));
}
