import type { EventDefinition } from "./event.ts";

/** Every definition, under its name and its aliases. */
const definitions = new Map<string, EventDefinition>();

/**
 * Adds a definition. Called by `defineEvent`.
 *
 * @throws {TypeError} an event of that name is defined already
 */
export function registerEvent(definition: EventDefinition): void {
  const names = [definition.name, ...definition.aliases];
  for (const [i, name] of names.entries()) {
    if (definitions.has(name) || names.indexOf(name) !== i) {
      throw new TypeError(`Cannot define the event '${name}': the name is taken, and it must be unique`);
    }
  }
  for (const name of names) definitions.set(name, definition);
}

/**
 * Finds an event's definition by name, or by a name that the event had before.
 *
 * @throws {TypeError} no event of that name is defined; the message lists those that are
 *
 * @example
 * ```ts
 * import { eventNamed } from "@events-pipeline/common";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(eventNamed("WidgetCreated"), WidgetCreated);
 * ```
 */
export function eventNamed(name: string): EventDefinition {
  const definition = definitions.get(name);
  if (definition === undefined) {
    const known = [...definitions.keys()].sort().join(", ") || "none is defined";
    throw new TypeError(`Cannot use the event '${name}': it is not defined. Known events: ${known}`);
  }
  return definition;
}

/** Every defined event, ordered by name. */
export function definedEvents(): readonly EventDefinition[] {
  return [...new Set(definitions.values())].sort((a, b) => a.name < b.name ? -1 : 1);
}
