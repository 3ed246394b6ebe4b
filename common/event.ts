import type { z } from "zod";
import { registerEvent } from "./event_registry.ts";
import type { EventShape, FieldSchema, PayloadOf } from "./field_schema.ts";
import { InvalidEventError } from "./invalid_event_error.ts";
import { encodeJson } from "./json.ts";
import type { NotSet } from "./not_set.ts";
import { payloadCodec } from "./payload_codec.ts";
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

/** What a definition says besides its fields. */
export interface EventOptions {
  /** What happened, in a sentence or more, for the catalogue. @default none */
  readonly description?: string;
  /** That it is no longer sent, or should not be, and what to use instead. @default it is in use */
  readonly deprecated?: string;
  /**
   * Names under which the event was sent before it was renamed. What was sent under them is read as this event; nothing is sent under
   * them any more. They are as unique as names are.
   *
   * @default none
   */
  readonly aliases?: readonly string[];
}

/** A registered event schema: makes events, and carries them to JSON and back. */
export interface EventDefinition<Name extends string = string, Payload = unknown> {
  /** The globally unique name of the event type. */
  readonly name: Name;
  /** The zod schema of the whole payload. */
  readonly schema: FieldSchema;
  /** What happened, in words. */
  readonly description?: string;
  /** That it is no longer in use, and what is instead. */
  readonly deprecated?: string;
  /** Its earlier names. */
  readonly aliases: readonly string[];
  /**
   * Makes an event from a payload in memory. The payload is copied, and the copy is deeply frozen.
   *
   * @throws {InvalidEventError} the payload does not fit the schema, or holds what JSON cannot carry
   */
  create(payload: PayloadInput<Payload>): Event<Name, Payload>;
  /**
   * Reads an event from parsed JSON. Unknown fields are kept. The JSON is copied, and the copy is deeply frozen.
   *
   * @throws {InvalidEventError} the value does not fit the schema
   */
  decode(wire: unknown): Event<Name, Payload>;
  /**
   * Writes an event's payload as canonical JSON text: the same payload always gives the same text, whatever the order of its keys.
   *
   * @throws {InvalidEventError} the payload does not fit the schema, or holds what JSON cannot carry
   */
  encode(event: Event<Name, Payload>): string;
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
 *   { description: "A customer has placed an order." },
 * );
 *
 * const event = OrderPlaced.create({ order_id: "o-1" });
 * ```
 */
export function defineEvent<const Name extends string, Shape extends EventShape>(
  name: Name,
  shape: Shape,
  options: EventOptions = {},
): EventDefinition<Name, PayloadOf<Shape>> {
  const { description, deprecated, aliases = [] } = options;
  for (const each of [name, ...aliases]) {
    if (!EVENT_NAME.test(each)) {
      throw new TypeError(`Cannot define the event '${each}': expected letters and digits, a capital first`);
    }
  }
  const wire = wireSchema(name, shape as unknown as Readonly<Record<string, z.ZodType>>);
  const codec = payloadCodec(name, wire);
  type Made = Event<Name, PayloadOf<Shape>>;
  // An event made here cannot change, so what it is on the wire is known already.
  const texts = new WeakMap<object, string>();
  const definition: EventDefinition<Name, PayloadOf<Shape>> = Object.freeze({
    name,
    schema: wire.schema,
    ...(description === undefined ? {} : { description }),
    ...(deprecated === undefined ? {} : { deprecated }),
    aliases: Object.freeze([...aliases]),
    create(payload: PayloadInput<PayloadOf<Shape>>): Made {
      const onWire = codec.toWire(payload);
      const text = written(name, onWire);
      const event = Object.freeze({ type: name, payload: codec.fromOwnWire(onWire) as PayloadOf<Shape> });
      texts.set(event, text);
      return event;
    },
    decode(value: unknown): Made {
      return Object.freeze({ type: name, payload: codec.fromWire(value) as PayloadOf<Shape> });
    },
    encode(event: Made): string {
      if (event.type !== name) {
        throw new InvalidEventError(`Cannot write an event '${event.type}' as '${name}': its type must be '${name}'`);
      }
      return texts.get(event) ?? written(name, codec.toWire(event.payload));
    },
  });
  registerEvent(definition);
  return definition;
}

/** The schema has seen to it that JSON can carry it, but for nesting that a codec of the author's own has made. */
function written(name: string, wire: unknown): string {
  try {
    return encodeJson(wire);
  } catch (cause) {
    throw new InvalidEventError(`Cannot write the event '${name}': ${(cause as Error).message}`, { cause });
  }
}
