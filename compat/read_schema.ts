import { codecSamples } from "./codec_samples.ts";
import type { EventForm, FieldForm, PatternForm, Presence, TypeForm } from "./normal_form.ts";
import { type AnySchema, type Checks, patternForm, readChecks, sourceText } from "./read_checks.ts";

/** Deeper than this is taken for a schema that makes new ones without end. */
const MAX_DEPTH = 200;

const NOT_SET = Symbol.for("@events-pipeline/common/NOT_SET");

/**
 * Reads a schema of any zod 4 into the normal form of its wire side. It looks at definitions only and imports nothing, so the
 * schema may come from another copy or version of zod.
 *
 * @param schema the schema of an event's payload
 * @throws {TypeError} the schema is not one of zod 4, or has no end
 */
export function readSchema(schema: unknown): EventForm {
  const reader = new SchemaReader();
  const payload = reader.read(schema, 0);
  return { aliases: [], payload, definitions: Object.fromEntries(reader.definitions) };
}

class SchemaReader {
  readonly definitions: Map<string, TypeForm> = new Map();
  /** The schemas that are being read. A name is given to those that are met again inside themselves. */
  readonly #open: Map<AnySchema, string | undefined> = new Map();
  readonly #named: Map<AnySchema, string> = new Map();
  #names = 0;

  read(schema: unknown, depth: number): TypeForm {
    if (!isSchema(schema)) throw new TypeError("Cannot read a schema: it is not one of zod 4");
    if (depth > MAX_DEPTH) {
      throw new TypeError(`Cannot read a schema: it is nested deeper than ${MAX_DEPTH} levels, and may have no end`);
    }
    const known = this.#named.get(schema);
    if (known !== undefined) return { kind: "ref", to: known };
    if (this.#open.has(schema)) {
      const name = this.#open.get(schema) ?? `#${++this.#names}`;
      this.#open.set(schema, name);
      return { kind: "ref", to: name };
    }
    this.#open.set(schema, undefined);
    const form = this.#readKind(schema, depth);
    const name = this.#open.get(schema);
    this.#open.delete(schema);
    if (name === undefined) return form;
    this.definitions.set(name, form);
    this.#named.set(schema, name);
    return { kind: "ref", to: name };
  }

  #readKind(schema: AnySchema, depth: number): TypeForm {
    const definition = schema._zod.def;
    const checks = readChecks(schema);
    const { refinements } = checks;
    const inner = (key: string): TypeForm => this.read(definition[key], depth + 1);
    const all = (key: string): TypeForm[] => (definition[key] as unknown[]).map((part) => this.read(part, depth + 1));
    switch (definition.type) {
      case "any":
      case "unknown":
        return refined({ kind: "any" }, refinements);
      case "never":
      case "undefined":
      case "void":
        return { kind: "never" };
      case "null":
      case "boolean":
        return refined({ kind: definition.type }, refinements);
      case "string":
        return refined(stringForm(checks), refinements);
      case "template_literal": {
        const pattern = (schema._zod as unknown as { pattern: RegExp }).pattern;
        return refined(stringForm(checks, patternForm(pattern)), refinements);
      }
      case "number":
        return refined(numberForm(checks), refinements);
      case "enum":
        return refined({
          kind: "literal",
          values: enumValues(definition["entries"] as Record<string, string | number>),
        }, refinements);
      case "literal":
        return refined(literalForm(definition["values"] as readonly unknown[]), refinements);
      case "array":
        return refined({ kind: "array", element: inner("element"), length: checks.length }, refinements);
      case "tuple": {
        const items = definition["items"] as AnySchema[];
        const optional = [...items].reverse().findIndex((item) => item._zod.optin === undefined);
        return refined({
          kind: "tuple",
          items: all("items"),
          required: optional < 0 ? 0 : items.length - optional,
          ...(definition["rest"] ? { rest: inner("rest") } : {}),
        }, refinements);
      }
      case "object":
        return refined(this.#readObject(schema, depth), refinements);
      case "record":
        return refined(this.#readRecord(schema, depth), refinements);
      case "union":
        return unionForm(all("options"), isExclusive(schema), refinements);
      case "nullable":
        return unionForm([inner("innerType"), { kind: "null" }], false, refinements);
      case "optional":
      case "nonoptional":
      case "default":
      case "prefault":
      case "readonly":
      case "catch":
        return refined(inner("innerType"), refinements);
      case "lazy": {
        const { innerType } = schema._zod as unknown as { innerType?: unknown };
        return refined(this.read(innerType ?? (definition["getter"] as () => unknown)(), depth + 1), refinements);
      }
      case "intersection":
        return refined({ kind: "intersection", parts: [inner("left"), inner("right")] }, refinements);
      case "pipe":
        return refined(this.#readPipe(schema, depth), refinements);
      default:
        return refined(opaqueForm(schema, checks), refinements);
    }
  }

  #readObject(schema: AnySchema, depth: number): TypeForm {
    const { shape, catchall } = schema._zod.def as unknown as {
      shape: Record<string, AnySchema>;
      catchall?: AnySchema;
    };
    const fields: Record<string, FieldForm> = {};
    for (const [name, field] of Object.entries(shape)) {
      Object.defineProperty(fields, name, {
        value: { presence: presenceOf(field), type: this.read(field, depth + 1) },
        enumerable: true,
      });
    }
    const kind = catchall?._zod.def.type;
    if (kind === undefined) return { kind: "object", fields, unknown: "dropped" };
    if (kind === "unknown" || kind === "any") return { kind: "object", fields, unknown: "kept" };
    return { kind: "object", fields, unknown: kind === "never" ? "refused" : this.read(catchall, depth + 1) };
  }

  #readRecord(schema: AnySchema, depth: number): TypeForm {
    const definition = schema._zod.def;
    const key = this.read(definition["keyType"], depth + 1);
    const value = this.read(definition["valueType"], depth + 1);
    if (key.kind !== "literal") return { kind: "record", key, value };
    // Keys that can be counted are fields.
    const presence = definition["partial"] === true ? "optional" : presenceOf(definition["valueType"] as AnySchema);
    const fields = Object.fromEntries(key.values.map((name) => [String(name), { presence, type: value } as FieldForm]));
    return { kind: "object", fields, unknown: definition["mode"] === "loose" ? "kept" : "refused" };
  }

  #readPipe(schema: AnySchema, depth: number): TypeForm {
    const definition = schema._zod.def;
    const wire = this.read(definition["in"], depth + 1);
    const transform = definition["transform"];
    if (isNotSet(schema)) return wire;
    const memory = this.read(definition["out"], depth + 1);
    const steps = wire.kind === "codec" ? wire : undefined;
    const travels = steps?.wire ?? wire;
    return {
      kind: "codec",
      wire: travels,
      memory,
      samples: codecSamples(schema, travels),
      source: (steps === undefined ? "" : `${steps.source} then `) +
        (transform === undefined ? "as it is" : sourceText(transform)),
    };
  }
}

function isSchema(value: unknown): value is AnySchema {
  const definition = (value as AnySchema | undefined)?._zod?.def;
  return typeof definition === "object" && definition !== null && typeof definition.type === "string";
}

/** How a field may be absent, and what it is then in memory. */
function presenceOf(schema: AnySchema): Presence {
  if (schema._zod.optin === undefined) return "required";
  if (isNotSet(schema)) return "notSet";
  let current: AnySchema | undefined = schema;
  while (current !== undefined) {
    const { type, innerType } = current._zod.def as { type: string; innerType?: AnySchema };
    if (type === "default" || type === "prefault") return "default";
    if (type === "optional" && innerType !== undefined && isNotSet(innerType)) return "notSet";
    current = ["nullable", "readonly", "optional"].includes(type) ? innerType : undefined;
  }
  return "optional";
}

/** Whether a schema is what `notSet` makes: it turns what is absent into `NOT_SET`. The symbol is the same in every copy. */
function isNotSet(schema: AnySchema): boolean {
  const { type, transform } = schema._zod.def;
  if (type !== "pipe" || typeof transform !== "function" || schema._zod.optin === undefined) return false;
  try {
    return transform(undefined, { value: undefined, issues: [] }) === NOT_SET;
  } catch {
    return false;
  }
}

function isExclusive(schema: AnySchema): boolean {
  const definition = schema._zod.def;
  return definition["inclusive"] === false && definition["discriminator"] === undefined;
}

function refined(form: TypeForm, refinements: readonly string[]): TypeForm {
  if (refinements.length === 0) return form;
  return { ...form, refinements: [...new Set([...form.refinements ?? [], ...refinements])].sort() };
}

/** A union without unions inside, and with texts, numbers and so on that are listed in one place. */
function unionForm(options: readonly TypeForm[], exclusive: boolean, refinements: readonly string[]): TypeForm {
  const branches: TypeForm[] = [];
  for (const option of options) {
    const parts = option.kind === "union" && !option.exclusive && !exclusive ? option.branches : [option];
    for (const part of parts.map((part) => refined(part, refinements))) {
      const last = branches.at(-1);
      if (part.kind === "never") continue;
      if (
        !exclusive && part.kind === "literal" && last?.kind === "literal" && !part.refinements && !last.refinements
      ) {
        branches[branches.length - 1] = { kind: "literal", values: [...new Set([...last.values, ...part.values])] };
      } else branches.push(part);
    }
  }
  if (branches.length === 0) return { kind: "never" };
  return branches.length === 1 ? branches[0]! : { kind: "union", branches, exclusive };
}

function literalForm(values: readonly unknown[]): TypeForm {
  const carried = values.filter((value) => value !== undefined && typeof value !== "bigint");
  if (carried.length === 1 && carried[0] === null) return { kind: "null" };
  return carried.length === 0
    ? { kind: "never" }
    : { kind: "literal", values: carried as (null | boolean | number | string)[] };
}

/** The values of an enum: of one of TypeScript's own, without the names that lead back from its numbers. */
function enumValues(entries: Record<string, string | number>): (string | number)[] {
  const numbers = Object.values(entries).filter((value) => typeof value === "number");
  return [...new Set(Object.entries(entries).filter(([key]) => !numbers.includes(+key)).map(([, value]) => value))];
}

function stringForm({ length, patterns, formats }: Checks, pattern?: PatternForm): TypeForm {
  return { kind: "string", length, patterns: pattern === undefined ? patterns : [pattern, ...patterns], formats };
}

function numberForm({ bounds, integer, multipleOf }: Checks): TypeForm {
  return { kind: "number", bounds, integer, multipleOf };
}

function opaqueForm(schema: AnySchema, { bounds }: Checks): TypeForm {
  const { type, fn } = schema._zod.def;
  return { kind: "opaque", name: type, bounds, source: type === "custom" ? sourceText(fn) : "" };
}
