import type { EventDefinition } from "./event.ts";

const definitions = new Map<string, EventDefinition>();

/**
 * Adds a definition. Called by `defineEvent`.
 *
 * @throws {TypeError} an event of that name is defined already
 */
export function registerEvent(definition: EventDefinition): void {
  if (definitions.has(definition.name)) {
    throw new TypeError(`Cannot define the event '${definition.name}': the name is taken, and it must be unique`);
  }
  definitions.set(definition.name, definition);
}

/**
 * Finds an event's definition by name.
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
  return [...definitions.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}
