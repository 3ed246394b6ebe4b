import type { z } from "zod";
import { copyJson, encodeJson } from "./json.ts";

/** What this file reads of a zod definition, whichever type it is of. */
interface Definition {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** What `wireSchema` looks into, or what JSON has. */
const TAKEN = undefined;

/** Why a zod type cannot be a field, by the type's name. Every type that zod has must be here, else this does not compile. */
const REFUSED: Readonly<Record<z.core.$ZodTypeDef["type"], string | undefined>> = {
  any: "JSON cannot carry just anything: use z.json()",
  array: TAKEN,
  bigint: "JSON has no bigint: use bigintString",
  boolean: TAKEN,
  catch: "z.catch() hides that an event is wrong",
  custom: "JSON cannot carry instances of classes: use z.codec()",
  date: "JSON has no dates: use isoDate",
  default: TAKEN,
  enum: TAKEN,
  file: "JSON cannot carry files: use base64Bytes",
  function: "JSON cannot carry functions",
  int: TAKEN,
  intersection: "intersections are not taken: use z.object(…).extend(…)",
  lazy: TAKEN,
  literal: TAKEN,
  map: "JSON has no Map: use z.record()",
  nan: "JSON has no NaN",
  never: "no value fits it",
  nonoptional: TAKEN,
  null: TAKEN,
  nullable: TAKEN,
  number: TAKEN,
  object: TAKEN,
  optional: TAKEN,
  pipe: TAKEN,
  prefault: TAKEN,
  promise: "an event is what has happened: await the promise before",
  readonly: TAKEN,
  record: TAKEN,
  set: "JSON has no Set: use z.array()",
  string: TAKEN,
  success: "it does not say what was on the wire",
  symbol: "JSON has no symbols",
  template_literal: TAKEN,
  transform: "a transform has no way back to the wire: use z.codec()",
  tuple: TAKEN,
  undefined: "JSON has no undefined: use z.null(), z.optional() or notSet()",
  union: TAKEN,
  unknown: "JSON cannot carry just anything: use z.json()",
  void: "JSON has no undefined: use z.null(), z.optional() or notSet()",
};

/** Why a schema's type cannot be carried by JSON, apart from what it contains. */
export function typeRefusal(schema: z.ZodType): string | undefined {
  const definition = schema._zod.def as unknown as Definition;
  const { type } = schema._zod.def;
  if (!Object.hasOwn(REFUSED, type)) return `'${type}' is no type of zod's own`;
  if (REFUSED[type] !== TAKEN) return REFUSED[type];
  if (definition["coerce"] === true) return "z.coerce has no way back to the wire: use z.codec()";
  if (type === "literal" || type === "enum") return literalRefusal([...schema._zod.values ?? []]);
  if (type === "union" && (definition["options"] as unknown[]).length === 0) return "no value fits it";
  if (type === "record" && definition["mode"] === "loose") {
    return "z.looseRecord() lets in what it does not look at: use z.record() or z.object({}).catchall()";
  }
  if (type === "pipe") return pipeRefusal(definition);
  return undefined;
}

function literalRefusal(values: readonly unknown[]): string | undefined {
  if (values.length === 0) return "no value fits it";
  for (const value of values) {
    if (typeof value === "bigint" || typeof value === "symbol" || value === undefined) {
      return `JSON has no ${typeof value}`;
    }
    if (typeof value === "number" && !Number.isFinite(value)) return `JSON has no ${value}`;
  }
  return undefined;
}

function pipeRefusal(definition: Definition): string | undefined {
  const isAsync = [definition["transform"], definition["reverseTransform"]].some(isAsyncFunction);
  if (isAsync) return "its codec is asynchronous, and events are read and written at once";
  const ends = [definition["in"], definition["out"]].map((end) => (end as z.ZodType)._zod.def.type);
  return ends.includes("transform") ? REFUSED.transform : undefined;
}

/** Why one of a schema's checks cannot be had in an event. */
export function checkRefusal(schema: z.ZodType): string | undefined {
  for (const check of schema._zod.def.checks ?? []) {
    const definition = check._zod.def as unknown as Readonly<Record<string, unknown>>;
    if (definition["check"] === "overwrite") {
      return "trim(), toLowerCase() and the like change a value while it is read: do it before the event is made";
    }
    if (isAsyncFunction(definition["fn"])) {
      return "a check of it is asynchronous, and events are read and written at once";
    }
  }
  return undefined;
}

function isAsyncFunction(value: unknown): boolean {
  return typeof value === "function" && value.constructor.name === "AsyncFunction";
}

/** A default, as it was on two looks at it. */
interface Default {
  readonly value: unknown;
  readonly again: unknown;
  /** Whether it stands for a value on the wire (prefault), and not in memory (default). */
  readonly onWire: boolean;
}

/**
 * Finds a default's value on the wire.
 *
 * @throws {TypeError} it does not fit, JSON cannot carry it, or it is another one each time; the message says so of "its default"
 */
export function defaultOnWire(schema: z.ZodType, { value, again, onWire }: Default): unknown {
  const wire = (each: unknown): unknown => {
    const result = onWire ? schema.safeDecode(each) : schema.safeEncode(each);
    if (!result.success) throw new TypeError(`its default does not fit: ${result.error.issues[0]?.message}`);
    const { fault, value: copied } = copyJson(onWire ? each : result.data);
    if (fault !== undefined) throw new TypeError(`JSON cannot carry its default: ${fault.message}`);
    return copied;
  };
  const first = wire(value);
  if (encodeJson(first) !== encodeJson(wire(again))) {
    throw new TypeError("its default is another one each time it is asked for");
  }
  return first;
}
