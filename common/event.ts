import { z } from "zod";
import { registerEvent } from "./event_registry.ts";
import type { EventShape, FieldSchema, PayloadOf } from "./field_schema.ts";
import { encodeJson } from "./json.ts";
import type { NotSet } from "./not_set.ts";
import { wireSchema } from "./wire_schema.ts";

/** A past-tense fact: a type, and a payload that fits the type's schema. Deeply frozen. */
export interface Event<Name extends string = string, Payload = unknown> {
  /** The name of its definition, such as `WidgetCreated`. */
  readonly type: Name;
  /** What happened, in memory: codecs are decoded, missing `notSet` fields are `NOT_SET`. */
  readonly payload: Payload;
}

/** A payload as a producer writes it: a `notSet` field may be left out. */
export type PayloadInput<Payload> =
  & { readonly [K in keyof Payload as NotSet extends Payload[K] ? never : K]: Payload[K] }
  & { readonly [K in keyof Payload as NotSet extends Payload[K] ? K : never]?: Payload[K] };

/** A registered event schema: makes events, and carries them to JSON and back. */
export interface EventDefinition<Name extends string = string, Payload = unknown> {
  /** The globally unique name of the event type. */
  readonly name: Name;
  /** The zod schema of the whole payload. */
  readonly schema: FieldSchema;
  /**
   * Makes an event from a payload in memory.
   *
   * @throws {InvalidEventError} the payload does not fit the schema
   */
  create(payload: PayloadInput<Payload>): Event<Name, Payload>;
  /**
   * Reads an event from parsed JSON. Unknown fields are kept.
   *
   * @throws {InvalidEventError} the value does not fit the schema
   */
  decode(wire: unknown): Event<Name, Payload>;
  /**
   * Writes an event's payload as JSON text.
   *
   * @throws {InvalidEventError} the payload does not fit the schema, or holds what JSON cannot carry
   */
  encode(event: Event<Name, Payload>): string;
}

/** A payload does not fit its event's schema. The message names each path and what is wrong there. */
export class InvalidEventError extends Error {
  /** The error's name, `InvalidEventError`. */
  override readonly name = "InvalidEventError";
}

const EVENT_NAME = /^[A-Z][A-Za-z0-9]{0,99}$/;

/**
 * Defines an event and registers it under its globally unique name.
 *
 * @param name what happened, in the past tense, such as `WidgetCreated`: letters and digits, a capital first, 100 at most
 * @param shape the zod schema of each field; only types that JSON carries, and codecs onto them
 * @throws {TypeError} the name has another form or is taken, or a field's type cannot be carried by JSON
 *
 * @example
 * ```ts
 * import { defineEvent, type EventDefinition } from "@events-pipeline/common";
 * import { z } from "zod";
 *
 * export const OrderPlaced: EventDefinition<"OrderPlaced", { readonly order_id: string }> = defineEvent(
 *   "OrderPlaced",
 *   { order_id: z.string() },
 * );
 *
 * const event = OrderPlaced.create({ order_id: "o-1" });
 * ```
 */
export function defineEvent<const Name extends string, Shape extends EventShape>(
  name: Name,
  shape: Shape,
): EventDefinition<Name, PayloadOf<Shape>> {
  if (!EVENT_NAME.test(name)) {
    throw new TypeError(`Cannot define the event '${name}': expected letters and digits, a capital first`);
  }
  const schema = wireSchema(name, shape as unknown as Readonly<Record<string, z.ZodType>>);
  const definition: EventDefinition<Name, PayloadOf<Shape>> = Object.freeze({
    name,
    schema,
    create(payload: PayloadInput<PayloadOf<Shape>>): Event<Name, PayloadOf<Shape>> {
      return definition.decode(toWire(name, schema, payload));
    },
    decode(wire: unknown): Event<Name, PayloadOf<Shape>> {
      const payload = fit(name, z.safeDecode(schema, wire as z.input<typeof schema>)) as PayloadOf<Shape>;
      return Object.freeze({ type: name, payload: deepFreeze(payload) });
    },
    encode(event: Event<Name, PayloadOf<Shape>>): string {
      try {
        return encodeJson(toWire(name, schema, event.payload));
      } catch (error) {
        if (error instanceof InvalidEventError) throw error;
        throw new InvalidEventError(`Cannot write the event '${name}': ${(error as Error).message}`, { cause: error });
      }
    },
  });
  registerEvent(definition);
  return definition;
}

function toWire(name: string, schema: z.ZodObject, payload: unknown): unknown {
  return fit(name, z.safeEncode(schema, payload as z.output<typeof schema>));
}

function fit<T>(name: string, result: z.ZodSafeParseResult<T>): T {
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${["payload", ...issue.path].join(".")}: ${issue.message}`);
  throw new InvalidEventError(`Cannot accept the payload of '${name}': ${issues.join("; ")}`, { cause: result.error });
}

/** Freezes plain objects and arrays; what a codec made (a Date, say) is left as it is. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
