import { z } from "zod";
import { checkRefusal, defaultOnWire, typeRefusal } from "./field_refusals.ts";
import { copyJson } from "./json.ts";
import { keptField } from "./kept_field.ts";
import { isNotSetSchema } from "./not_set.ts";
import { codecAmongAlike } from "./wire_likeness.ts";

/** What this file reads of a zod definition, whichever type it is of. */
interface Definition {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** The schema of an event's payload. */
export interface WireSchema {
  /** Its fields, in the author's order. Every object in it is open. */
  readonly schema: z.ZodObject;
  /** Whether a payload is the same in memory as on the wire: there are no codecs and no defaults. */
  readonly sameInMemory: boolean;
}

/** How deep a definition may nest, and how many schemas it may have: a getter that makes a new schema each time never ends. */
const MAX_DEPTH = 100;
const MAX_SCHEMAS = 10_000;

/**
 * Makes the schema of an event from its fields: refuses every type that JSON cannot carry there and back, and opens every object, so that
 * fields added by a newer producer are kept and not dropped.
 *
 * @throws {TypeError} a field has such a type; the message names the path and the reason
 */
export function wireSchema(event: string, shape: Readonly<Record<string, z.ZodType>>): WireSchema {
  const opener = new Opener();
  try {
    const fields = opener.openFields(shape, { path: event, depth: 0, around: [] });
    return { schema: z.object(fields).catchall(keptField()), sameInMemory: opener.sameInMemory };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new TypeError(`Cannot define the event '${event}': a type of it contains itself without end`, {
      cause: error,
    });
  }
}

/** Where in the definition a schema stands. */
interface Place {
  readonly path: string;
  readonly depth: number;
  /** The schemas around it that look at the very same value: wrappers and unions, and no object or array in between. */
  readonly around: readonly z.core.$ZodType[];
}

class Opener {
  /** What has been opened; a schema that is being opened has no entry in `#opened` yet. */
  readonly #opened = new Map<z.core.$ZodType, z.ZodType>();
  readonly #opening = new Set<z.core.$ZodType>();
  sameInMemory = true;

  openFields(shape: Readonly<Record<string, z.ZodType>>, place: Place): Record<string, z.ZodType> {
    const fields: Record<string, z.ZodType> = {};
    for (const key of Object.keys(shape)) {
      const field = within(place, `.${key}`);
      if (key in Object.prototype) throw refusal(field, `every object in JavaScript has a '${key}': name it otherwise`);
      fields[key] = this.#open(shape[key], field);
    }
    return fields;
  }

  #open(schema: unknown, place: Place): z.ZodType {
    if (!(schema instanceof z.core.$ZodType)) throw refusal(place, "it is not a zod schema");
    const known = this.#opened.get(schema);
    if (known !== undefined) return known;
    // It contains itself.
    if (this.#opening.has(schema)) {
      if (place.around.includes(schema)) {
        throw refusal(place, "it contains itself, and nothing around it: no value would ever end");
      }
      return z.lazy(() => this.#opened.get(schema)!);
    }
    if (place.depth > MAX_DEPTH || this.#opening.size + this.#opened.size > MAX_SCHEMAS) {
      throw refusal(
        place,
        `it has more than ${MAX_DEPTH} levels or ${MAX_SCHEMAS} schemas, or makes new ones without end`,
      );
    }
    this.#opening.add(schema);
    const opened = this.#openNew(schema as z.ZodType, { ...place, around: [...place.around, schema] });
    this.#opening.delete(schema);
    this.#opened.set(schema, opened);
    return opened;
  }

  #openNew(schema: z.ZodType, place: Place): z.ZodType {
    const definition = schema._zod.def as unknown as Definition;
    const reason = typeRefusal(schema) ?? checkRefusal(schema);
    if (reason !== undefined) throw refusal(place, reason);
    switch (definition.type) {
      case "array":
        return rebuild(schema, { element: this.#openValue(definition["element"], within(place, "[]")) });
      case "optional":
      case "nullable":
      case "nonoptional":
        return rebuild(schema, { innerType: this.#openInner(definition, place) });
      case "readonly":
        return this.#openReadonly(schema, this.#openInner(definition, place));
      case "default":
      case "prefault":
        return this.#openDefault(schema, this.#openInner(definition, place), place);
      case "object":
        return this.#openObject(schema, definition, place);
      case "record":
        return rebuild(schema, {
          keyType: this.#openKey(definition["keyType"], within(place, ".<key>")),
          valueType: this.#openValue(definition["valueType"], within(place, ".<value>")),
        });
      case "tuple":
        return rebuild(schema, {
          items: (definition["items"] as unknown[]).map((item, i) => this.#openValue(item, within(place, `[${i}]`))),
          rest: definition["rest"] === null ? null : this.#openValue(definition["rest"], within(place, "[…]")),
        });
      case "union":
        return this.#openUnion(schema, definition, place);
      case "lazy": {
        const inner = this.#openLazy(definition["getter"] as () => unknown, place);
        return rebuild(schema, { getter: () => inner, _cachedInner: inner });
      }
      case "pipe":
        return this.#openPipe(schema, definition, place);
      default:
        return schema;
    }
  }

  #openInner(definition: Definition, place: Place): z.ZodType {
    const inner = definition["innerType"];
    if (inner instanceof z.core.$ZodType && isNotSetSchema(inner)) {
      throw refusal(
        place,
        `notSet() must be around it all: notSet(z.${definition.type === "nullable" ? "nullable" : "string"}(…))`,
      );
    }
    return this.#open(inner, deeper(place));
  }

  /** What stands in an array, a record or a union: there JSON has no absence. */
  #openValue(schema: unknown, place: Place): z.ZodType {
    const opened = this.#open(schema, place);
    const { optin, optout } = (schema as z.ZodType)._zod;
    if (optin !== undefined || optout !== undefined) {
      throw refusal(place, "it may be absent, which only the field of an object can be: use z.nullable()");
    }
    return opened;
  }

  #openReadonly(schema: z.ZodType, inner: z.ZodType): z.ZodType {
    // Whole events are frozen; zod's own freezing would come too early.
    const checks = [...inner._zod.def.checks ?? [], ...schema._zod.def.checks ?? []];
    return described(rebuild(inner, { checks }), schema);
  }

  #openDefault(schema: z.ZodType, inner: z.ZodType, place: Place): z.ZodType {
    this.sameInMemory = false;
    const { type, defaultValue: value, defaultValue: again } = schema._zod.def as unknown as Definition;
    const onWire = type === "prefault";
    let wire: unknown;
    try {
      wire = defaultOnWire(inner, { value, again, onWire });
    } catch (cause) {
      throw refusal(place, (cause as Error).message, cause);
    }
    const opened = rebuild(schema, { innerType: inner });
    // Each event has its own: what an event holds is frozen, and the author's value must not be.
    const fresh = (): unknown => onWire ? copyJson(wire).value : inner.decode(copyJson(wire).value);
    Object.defineProperty(opened._zod.def, "defaultValue", { get: fresh, enumerable: true, configurable: true });
    return opened;
  }

  #openObject(schema: z.ZodType, definition: Definition, place: Place): z.ZodType {
    const catchall = definition["catchall"] as z.ZodType | undefined;
    const rest = catchall?._zod.def.type;
    if (rest === "never") {
      throw refusal(place, "a closed object would refuse the fields that a newer producer adds: use z.object()");
    }
    let shape: Record<string, z.ZodType>;
    try {
      shape = definition["shape"] as Record<string, z.ZodType>;
    } catch (cause) {
      throw refusal(place, `a getter of it failed: ${(cause as Error).message}`, cause);
    }
    return rebuild(schema, {
      shape: this.openFields(shape, place),
      catchall: rest === undefined || rest === "unknown" || rest === "any"
        ? keptField()
        : this.#openValue(catchall, within(place, ".<other>")),
    });
  }

  #openKey(schema: unknown, place: Place): z.ZodType {
    const opened = this.#open(schema, place);
    const fault = keyFault(opened);
    if (fault !== undefined) throw refusal(place, fault);
    return opened;
  }

  #openUnion(schema: z.ZodType, definition: Definition, place: Place): z.ZodType {
    const sources = definition["options"] as z.ZodType[];
    const options = sources.map((option, i) => this.#openValue(option, deeper(place, `|${i}`)));
    const union = rebuild(schema, { options });
    if (definition["discriminator"] === undefined) {
      const alike = codecAmongAlike(options);
      if (alike !== undefined) {
        throw refusal(
          place,
          `alternatives ${alike[0]} and ${
            alike[1]
          } look alike on the wire, and have codecs, notSet() or defaults, so nobody can tell ` +
            "them apart: use z.discriminatedUnion()",
        );
      }
    }
    return union;
  }

  #openLazy(getter: () => unknown, place: Place): z.ZodType {
    let inner: unknown;
    try {
      inner = getter();
    } catch (cause) {
      if (cause instanceof RangeError) throw cause;
      throw refusal(
        place,
        `its z.lazy() failed: ${(cause as Error).message}. Define what it needs before the event`,
        cause,
      );
    }
    return this.#open(inner, deeper(place));
  }

  #openPipe(schema: z.ZodType, definition: Definition, place: Place): z.ZodType {
    this.sameInMemory &&= definition["reverseTransform"] === undefined;
    const inside = deeper(place);
    // What travels is the inner side of a codec; the outer side is the program's own business.
    if (definition["reverseTransform"] !== undefined) {
      return rebuild(schema, { in: this.#open(definition["in"], inside) });
    }
    return rebuild(schema, { in: this.#open(definition["in"], inside), out: this.#open(definition["out"], inside) });
  }
}

/** A record's keys are text, as JSON has them. */
function keyFault(schema: z.ZodType): string | undefined {
  const definition = schema._zod.def as unknown as Definition;
  switch (definition.type) {
    case "string":
    case "template_literal":
      return undefined;
    case "enum":
    case "literal": {
      const values = [...schema._zod.values ?? []];
      if (values.some((value) => typeof value !== "string")) return "the keys of a record must be text";
      const own = values.find((value) => (value as string) in Object.prototype);
      return own === undefined ? undefined : `every object in JavaScript has a '${String(own)}': name it otherwise`;
    }
    case "union":
      return (definition["options"] as z.ZodType[]).map(keyFault).find((fault) => fault !== undefined);
    default:
      return "the keys of a record must be text, of a type without codecs";
  }
}

/** The place of what is inside of an object, an array or a record. */
function within({ path, depth }: Place, suffix: string): Place {
  return { path: `${path}${suffix}`, depth: depth + 1, around: [] };
}

/** The place of another schema for the same value. */
function deeper({ path, depth, around }: Place, suffix = ""): Place {
  return { path: `${path}${suffix}`, depth: depth + 1, around };
}

function rebuild(schema: z.ZodType, changes: Readonly<Record<string, unknown>>): z.ZodType {
  const definition = Object.create(null, Object.getOwnPropertyDescriptors(schema._zod.def)) as object;
  for (const [key, value] of Object.entries(changes)) {
    Object.defineProperty(definition, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return described(z.core.clone(schema, definition as unknown as typeof schema._zod.def), schema);
}

/** Hands on what the author has said of a schema with `describe()` and `meta()`. */
function described(schema: z.ZodType, source: z.ZodType): z.ZodType {
  const words = z.globalRegistry.get(source);
  if (words !== undefined) z.globalRegistry.add(schema, { ...z.globalRegistry.get(schema), ...words });
  return schema;
}

function refusal({ path }: Place, reason: string, cause?: unknown): TypeError {
  const where = path.length > 200 ? `${path.slice(0, 200)}…` : path;
  return new TypeError(`Cannot use the type of ${where} in an event: ${reason}`, cause === undefined ? {} : { cause });
}
