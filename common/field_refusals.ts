import type { z } from "zod";
import { copyJson } from "./json.ts";

/** What this file reads of a zod definition, whichever type it is of. */
interface Definition {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** Why a zod type cannot be a field, by the type's name. What is missing here is fine, or is looked at closer. */
const REFUSED: Readonly<Record<string, string>> = {
  any: "JSON cannot carry just anything: use z.json()",
  bigint: "JSON has no bigint: use bigintString",
  catch: "z.catch() hides that an event is wrong",
  custom: "JSON cannot carry instances of classes: use z.codec()",
  date: "JSON has no dates: use isoDate",
  file: "JSON cannot carry files: use base64Bytes",
  function: "JSON cannot carry functions",
  intersection: "intersections are not taken: use z.object(…).extend(…)",
  map: "JSON has no Map: use z.record()",
  nan: "JSON has no NaN",
  never: "no value fits it",
  promise: "an event is what has happened: await the promise before",
  set: "JSON has no Set: use z.array()",
  success: "it does not say what was on the wire",
  symbol: "JSON has no symbols",
  transform: "a transform has no way back to the wire: use z.codec()",
  undefined: "JSON has no undefined: use z.null(), z.optional() or notSet()",
  unknown: "JSON cannot carry just anything: use z.json()",
  void: "JSON has no undefined: use z.null(), z.optional() or notSet()",
};

/** The types that are looked into by `wireSchema`, and those that JSON has. */
const TAKEN: ReadonlySet<string> = new Set(
  ("array boolean default enum lazy literal nonoptional null nullable number object optional pipe prefault readonly record string " +
    "template_literal tuple union").split(" "),
);

/** Why a schema's type cannot be carried by JSON, apart from what it contains. */
export function typeRefusal(schema: z.ZodType): string | undefined {
  const definition = schema._zod.def as unknown as Definition;
  const { type } = definition;
  if (Object.hasOwn(REFUSED, type)) return REFUSED[type];
  if (!TAKEN.has(type)) return `JSON cannot carry ${type}`;
  if (definition["coerce"] === true) return "z.coerce has no way back to the wire: use z.codec()";
  if (type === "literal" || type === "enum") return literalRefusal([...schema._zod.values ?? []]);
  if (type === "union" && (definition["options"] as unknown[]).length === 0) return "no value fits it";
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
  return ends.includes("transform") ? REFUSED["transform"] : undefined;
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

/** What is wrong with the default of a schema. */
export function valueRefusal(schema: z.ZodType, { value, again, onWire }: Default): string | undefined {
  const wire = (each: unknown): unknown => {
    const result = onWire ? schema.safeDecode(each) : schema.safeEncode(each);
    if (!result.success) throw new TypeError(`does not fit: ${result.error.issues[0]?.message}`);
    return onWire ? each : result.data;
  };
  try {
    const [first, second] = [wire(value), wire(again)];
    const { fault, value: copied } = copyJson(first);
    if (fault !== undefined) return `cannot be carried by JSON: ${fault.message}`;
    if (JSON.stringify(copied) !== JSON.stringify(copyJson(second).value)) {
      return "is another one each time it is asked for";
    }
    return undefined;
  } catch (error) {
    return error instanceof TypeError && error.message.startsWith("does not fit")
      ? error.message
      : `does not fit: ${error}`;
  }
}
