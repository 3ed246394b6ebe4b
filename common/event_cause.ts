/**
 * Which event a handler works on: the consumer says so around each call of a handler, and the producer reads it, so that an event sent
 * inside a handler tells what caused it.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** The event that a handler works on. */
export interface EventCause {
  /** Its id. */
  readonly eventId: string;
  /** The labels that came with it. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

const storage = new AsyncLocalStorage<EventCause>();

/**
 * Does work that an event has caused. What it calls, now or later, finds the event with {@linkcode currentCause}.
 *
 * @example
 * ```ts
 * import { causedBy, currentCause } from "@events-pipeline/common/event-cause";
 * import { assertEquals } from "@std/assert";
 *
 * const cause = { eventId: "019a2f6e-0000-7000-8000-000000000000", metadata: {} };
 * assertEquals(causedBy(cause, () => currentCause()), cause);
 * assertEquals(currentCause(), undefined);
 * ```
 */
export function causedBy<T>(cause: EventCause, act: () => T): T {
  return storage.run(cause, act);
}

/** The event that has caused the work under way; `undefined` outside of handlers. */
export function currentCause(): EventCause | undefined {
  return storage.getStore();
}
