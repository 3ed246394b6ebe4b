import { z } from "zod";

/** What this file reads of a zod definition, whichever type it is of. */
interface Definition {
  readonly type: string;
  readonly [key: string]: unknown;
}

/**
 * Makes the schema of an event from its fields: refuses every type that JSON cannot carry there and back, and opens every
 * object, so that fields added by a newer producer are kept and not dropped.
 *
 * @throws {TypeError} a field has such a type; the message names the path and the reason
 */
export function wireSchema(event: string, shape: Readonly<Record<string, z.ZodType>>): z.ZodObject {
  const fields = Object.entries(shape).map(([key, field]) => [key, open(field, `${event}.${key}`)]);
  return z.looseObject(Object.fromEntries(fields));
}

function open(schema: z.ZodType, path: string): z.ZodType {
  if (!(schema instanceof z.core.$ZodType)) throw refusal(path, "it is not a zod schema");
  const definition = schema._zod.def as unknown as Definition;
  const inner = (key: string, suffix = ""): z.ZodType => open(definition[key] as z.ZodType, `${path}${suffix}`);
  switch (definition.type) {
    case "string":
    case "number":
    case "boolean":
      if (definition["coerce"] === true) throw refusal(path, "z.coerce has no way back to the wire; use z.codec");
      return schema;
    case "null":
    case "enum":
    case "template_literal":
      return schema;
    case "literal":
      for (const value of definition["values"] as unknown[]) {
        if (typeof value === "bigint" || value === undefined) throw refusal(path, `JSON has no ${typeof value}`);
      }
      return schema;
    case "array":
      return rebuild(schema, { element: inner("element", "[]") });
    case "optional":
    case "nullable":
    case "nonoptional":
    case "default":
    case "prefault":
    case "readonly":
      return rebuild(schema, { innerType: inner("innerType") });
    case "object":
      return openObject(schema, definition, path);
    case "record":
      return rebuild(schema, { keyType: inner("keyType", ".<key>"), valueType: inner("valueType", ".<value>") });
    case "tuple":
      return rebuild(schema, {
        items: (definition["items"] as z.ZodType[]).map((item, i) => open(item, `${path}[${i}]`)),
        rest: definition["rest"] === null ? null : inner("rest", "[…]"),
      });
    case "union":
      return rebuild(schema, {
        options: (definition["options"] as z.ZodType[]).map((option, i) => open(option, `${path}|${i}`)),
      });
    case "lazy":
      return openLazy(definition["getter"] as () => z.ZodType, path);
    case "pipe":
      if (definition["reverseTransform"] === undefined) {
        throw refusal(path, "a transform has no way back to the wire; use z.codec");
      }
      // What travels is the inner side; the outer side is the program's own business.
      return rebuild(schema, { in: inner("in") });
    default:
      throw refusal(path, `JSON cannot carry ${definition.type}`);
  }
}

function openObject(schema: z.ZodType, definition: Definition, path: string): z.ZodType {
  const shape = Object.entries(definition["shape"] as Record<string, z.ZodType>);
  return rebuild(schema, {
    shape: Object.fromEntries(shape.map(([key, field]) => [key, open(field, `${path}.${key}`)])),
    catchall: z.unknown(),
  });
}

/** A lazy schema may contain itself: it is opened when first used, and checked once at definition through its getter's memo. */
function openLazy(getter: () => z.ZodType, path: string): z.ZodType {
  let memo = opened.get(getter);
  if (memo === undefined) {
    const lazy = z.lazy(() => memo!.schema);
    memo = { lazy, schema: lazy };
    opened.set(getter, memo);
    memo.schema = open(getter(), path);
  }
  return memo.lazy;
}

const opened = new WeakMap<() => z.ZodType, { readonly lazy: z.ZodType; schema: z.ZodType }>();

function rebuild(schema: z.ZodType, changes: Readonly<Record<string, unknown>>): z.ZodType {
  const definition = { ...(schema._zod.def as object), ...changes };
  return z.core.clone(schema, definition as unknown as typeof schema._zod.def);
}

function refusal(path: string, reason: string): TypeError {
  return new TypeError(`Cannot use the type of ${path} in an event: ${reason}`);
}
