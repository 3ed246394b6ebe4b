import { z } from "zod";
import type { FieldSchema } from "./field_schema.ts";

/**
 * Marks a field that the producer did not know: neither `null` nor `undefined`. Absent on the wire, `NOT_SET` in memory.
 */
export const NOT_SET: unique symbol = Symbol.for("@events-pipeline/common/NOT_SET");

/** The type of {@linkcode NOT_SET}. */
export type NotSet = typeof NOT_SET;

/** The schema that {@linkcode notSet} makes from `S`: the same field, or {@linkcode NOT_SET}. */
export type NotSetSchema<S extends FieldSchema> = Omit<S, "_zod"> & {
  /** What zod knows of the schema, with `NOT_SET` added in memory and absence added on the wire. */
  readonly _zod: Omit<S["_zod"], "output" | "input" | "optin" | "optout"> & {
    readonly output: S["_zod"]["output"] | NotSet;
    readonly input: S["_zod"]["input"] | undefined;
    readonly optin: "optional";
    readonly optout: undefined;
  };
};

/** The memory side of every `notSet` schema. The wire side checks the value in both directions, so this one need not. */
const inMemory = z.any();

/**
 * Whether a schema was made by {@linkcode notSet}.
 *
 * @example
 * ```ts
 * import { isNotSetSchema, notSet } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 * import { z } from "zod";
 *
 * assertEquals([isNotSetSchema(notSet(z.string())), isNotSetSchema(z.string())], [true, false]);
 * ```
 */
export function isNotSetSchema(schema: FieldSchema): boolean {
  const { type, out } = (schema as unknown as z.ZodType)._zod.def as { type: string; out?: unknown };
  return type === "pipe" && out === inMemory;
}

/**
 * A field that was added to an event after it was first published: events sent before have no value for it.
 *
 * @param schema the field's own schema
 * @throws {TypeError} the schema says already that the field may be absent
 *
 * @example
 * ```ts
 * import { defineEvent, isSet, NOT_SET, notSet } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 * import { z } from "zod";
 *
 * const GadgetPainted = defineEvent("GadgetPainted", { gadget_id: z.string(), colour: notSet(z.string()) });
 *
 * const old = GadgetPainted.decode({ gadget_id: "g1" });
 * assertEquals(old.payload.colour, NOT_SET);
 * assertEquals(isSet(old.payload.colour), false);
 * ```
 */
export function notSet<S extends FieldSchema>(schema: S): NotSetSchema<S> {
  const inner = schema as unknown as z.ZodType;
  if (inner._zod.optin !== undefined) {
    throw new TypeError(
      "Cannot use notSet() around a field that may be absent: it is z.optional() or z.default() already",
    );
  }
  const codec = z.codec(z.optional(inner), inMemory, {
    decode: (value) => value === undefined ? NOT_SET : value,
    encode: (value) => value === NOT_SET ? undefined : value,
  });
  return codec as unknown as NotSetSchema<S>;
}

/**
 * Whether a field has a value; narrows `T | NotSet` to `T`.
 *
 * @example
 * ```ts
 * import { isSet, NOT_SET } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([isSet("red"), isSet(null), isSet(NOT_SET)], [true, true, false]);
 * ```
 */
export function isSet<T>(value: T | NotSet): value is T {
  return value !== NOT_SET;
}
