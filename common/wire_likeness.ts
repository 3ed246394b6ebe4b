import type { z } from "zod";

/** What this file reads of a zod definition, whichever type it is of. */
interface Definition {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** A type of JSON. */
type Kind = "string" | "number" | "boolean" | "null" | "array" | "object";

/**
 * Finds two alternatives of a union that may look the same on the wire, where one has a codec. The first that fits is taken, so such a value
 * could come back as something else than it was.
 *
 * @returns the places of the two, or `undefined` if there are none
 */
export function codecAmongAlike(options: readonly z.ZodType[]): readonly [number, number] | undefined {
  const coded = options.map((option) => hasCodec(option, new Set()));
  for (const [i, a] of options.entries()) {
    for (let j = i + 1; j < options.length; j++) {
      if ((coded[i] || coded[j]) && mayBeAlike(a, options[j]!)) return [i, j];
    }
  }
  return undefined;
}

function hasCodec(schema: z.ZodType, seen: Set<z.core.$ZodType>): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  const definition = schema._zod.def as unknown as Definition;
  if (definition.type === "default" || definition.type === "prefault") return true;
  if (definition["reverseTransform"] !== undefined) return true;
  return childrenOf(schema, definition).some((child) => hasCodec(child, seen));
}

function childrenOf(schema: z.ZodType, definition: Definition): z.ZodType[] {
  const one = (key: string): z.ZodType[] => definition[key] ? [definition[key] as z.ZodType] : [];
  switch (definition.type) {
    case "object":
      return [...Object.values(definition["shape"] as Record<string, z.ZodType>), ...one("catchall")];
    case "tuple":
      return [...definition["items"] as z.ZodType[], ...one("rest")];
    case "union":
      return definition["options"] as z.ZodType[];
    case "lazy":
      return innerOfLazy(schema);
    default:
      return ["element", "innerType", "valueType", "in", "out"].flatMap(one);
  }
}

/** A lazy schema that stands for what is being opened has nothing inside yet. Its own alternatives are looked at in their place. */
function innerOfLazy(schema: z.ZodType): z.ZodType[] {
  const inner = (schema as z.ZodLazy)._zod.def.getter() as z.ZodType | undefined;
  return inner === undefined ? [] : [inner];
}

function mayBeAlike(a: z.ZodType, b: z.ZodType): boolean {
  const [ofA, ofB] = [kindsOf(a, new Set()), kindsOf(b, new Set())];
  const common = [...ofA].filter((kind) => ofB.has(kind));
  if (common.length === 0) return false;
  if (areApart(a._zod.values, b._zod.values)) return false;
  if (common.length > 1 || common[0] !== "object") return true;
  const [propertiesOfA, propertiesOfB] = [a._zod.propValues ?? {}, b._zod.propValues ?? {}];
  return !Object.keys(propertiesOfA).some((key) => areApart(propertiesOfA[key], propertiesOfB[key]));
}

/** Whether two lists of all possible values have none in common. */
function areApart(a: ReadonlySet<unknown> | undefined, b: ReadonlySet<unknown> | undefined): boolean {
  return a !== undefined && b !== undefined && ![...a].some((value) => b.has(value));
}

const ALL: ReadonlySet<Kind> = new Set<Kind>(["string", "number", "boolean", "null", "array", "object"]);

function kindsOf(schema: z.ZodType, seen: Set<z.core.$ZodType>): ReadonlySet<Kind> {
  if (seen.has(schema)) return new Set();
  seen.add(schema);
  const definition = schema._zod.def as unknown as Definition;
  switch (definition.type) {
    case "string":
    case "template_literal":
      return new Set<Kind>(["string"]);
    case "number":
    case "boolean":
    case "null":
    case "array":
    case "object":
      return new Set<Kind>([definition.type]);
    case "tuple":
      return new Set<Kind>(["array"]);
    case "record":
      return new Set<Kind>(["object"]);
    case "enum":
    case "literal":
      return new Set([...schema._zod.values ?? []].map((value) => value === null ? "null" : typeof value as Kind));
    case "nullable":
      return new Set<Kind>(["null", ...kindsOf(definition["innerType"] as z.ZodType, seen)]);
    case "default":
    case "nonoptional":
    case "optional":
    case "prefault":
      return kindsOf(definition["innerType"] as z.ZodType, seen);
    case "pipe":
      return kindsOf(definition["in"] as z.ZodType, seen);
    case "union":
      return new Set((definition["options"] as z.ZodType[]).flatMap((option) => [...kindsOf(option, seen)]));
    case "lazy": {
      const [inner] = innerOfLazy(schema);
      return inner === undefined ? ALL : kindsOf(inner, seen);
    }
    default:
      return ALL;
  }
}
