import fc from "fast-check";
import { z } from "zod";
import { base64Bytes, bigintString, decimalString, isoDate, urlString } from "../codecs.ts";
import { defineEvent, type EventDefinition } from "../event.ts";
import { NOT_SET, notSet } from "../not_set.ts";

/** What a type is on the wire. */
type Kind = "string" | "number" | "boolean" | "null" | "array" | "object" | "several";

/** A type that a field may have, and its values. */
interface ArbitraryType {
  /** How it is written, for a failed test's report. */
  readonly words: string;
  readonly schema: z.ZodType;
  /** Its values in memory. */
  readonly values: fc.Arbitrary<unknown>;
  readonly kind: Kind;
  /** Whether a value may be something else on the wire than in memory. */
  readonly coded: boolean;
}

/** A definition, and payloads that fit it. */
export interface ArbitraryEvent {
  /** How its fields are written. */
  readonly words: string;
  readonly definition: EventDefinition<string, unknown>;
  readonly payloads: fc.Arbitrary<Readonly<Record<string, unknown>>>;
}

type Types = fc.Arbitrary<ArbitraryType>;

const plain = { coded: false } as const;
const ascii = { unit: "grapheme-ascii" } as const;
const text = fc.oneof(fc.string(ascii), fc.string({ unit: "binary" }), fc.constantFrom("", "\0", "\ud800", "😀", "é"));
const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value === 0 ? 0 : value);

/** JSON of any form, as a newer producer may add it. */
const anyJson = fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes("__proto__"))
  .map((value) => JSON.parse(JSON.stringify(value).replace(/-0(?=[,\]}]|$)/g, "0")));

const fieldName = fc.constantFrom("a", "b", "c", "id", "10", "9", "ż", "a b", "kind", "Z");

const leaves: Types = fc.oneof(
  fc.constant<ArbitraryType>({ words: "string", schema: z.string(), values: text, kind: "string", ...plain }),
  fc.tuple(fc.nat(4), fc.nat(4)).map(([min, more]): ArbitraryType => ({
    words: `string of ${min} to ${min + more}`,
    schema: z.string().min(min).max(min + more),
    values: fc.string({ ...ascii, minLength: min, maxLength: min + more }),
    kind: "string",
    ...plain,
  })),
  fc.constant<ArbitraryType>({
    words: "string of a pattern",
    schema: z.string().regex(/^[a-c]{1,3}$/),
    values: fc.stringMatching(/^[a-c]{1,3}$/),
    kind: "string",
    ...plain,
  }),
  fc.constant<ArbitraryType>({
    words: "template",
    schema: z.templateLiteral(["w-", z.int()]),
    values: fc.integer().map((value) => `w-${value}`),
    kind: "string",
    ...plain,
  }),
  fc.constant<ArbitraryType>({ words: "uuid", schema: z.uuid(), values: fc.uuid(), kind: "string", ...plain }),
  fc.constant<ArbitraryType>({ words: "number", schema: z.number(), values: number, kind: "number", ...plain }),
  fc.tuple(fc.integer({ min: -9, max: 9 }), fc.nat(9), fc.boolean()).map(([min, more, int]): ArbitraryType => ({
    words: `${int ? "int" : "number"} of ${min} to ${min + more}`,
    schema: int ? z.int().min(min).max(min + more) : z.number().min(min).max(min + more),
    values: fc.integer({ min, max: min + more }),
    kind: "number",
    ...plain,
  })),
  fc.constant<ArbitraryType>({
    words: "multiple of 3",
    schema: z.int().multipleOf(3),
    values: fc.integer({ min: -99, max: 99 }).map((value) => value * 3 + 0),
    kind: "number",
    ...plain,
  }),
  fc.constant<ArbitraryType>({
    words: "boolean",
    schema: z.boolean(),
    values: fc.boolean(),
    kind: "boolean",
    ...plain,
  }),
  fc.constant<ArbitraryType>({ words: "null", schema: z.null(), values: fc.constant(null), kind: "null", ...plain }),
  fc.uniqueArray(fc.constantFrom("x", "y", "z", ""), { minLength: 1 }).map((values): ArbitraryType => ({
    words: `enum ${values}`,
    schema: z.enum(values),
    values: fc.constantFrom(...values),
    kind: "string",
    ...plain,
  })),
  fc.uniqueArray(fc.constantFrom<string | number | boolean | null>("x", 1, 2.5, true, null), { minLength: 1 }).map((
    values,
  ): ArbitraryType => ({
    words: `literal ${values}`,
    schema: z.literal(values),
    values: fc.constantFrom(...values),
    kind: "several",
    ...plain,
  })),
);

const codecs: Types = fc.constantFrom<ArbitraryType>(
  {
    words: "isoDate",
    schema: isoDate as unknown as z.ZodType,
    values: fc.date({
      min: new Date("0000-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59.999Z"),
      noInvalidDate: true,
    }),
    kind: "string",
    coded: true,
  },
  {
    words: "bigintString",
    schema: bigintString as unknown as z.ZodType,
    values: fc.bigInt(),
    kind: "string",
    coded: true,
  },
  {
    words: "base64Bytes",
    schema: base64Bytes as unknown as z.ZodType,
    values: fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
    kind: "string",
    coded: true,
  },
  {
    words: "urlString",
    schema: urlString as unknown as z.ZodType,
    values: fc.webUrl({ withQueryParameters: true, withFragments: true }).map((address) => new URL(address)),
    kind: "string",
    coded: true,
  },
  {
    words: "decimalString",
    schema: decimalString as unknown as z.ZodType,
    values: fc.tuple(fc.integer(), fc.option(fc.nat(), { nil: undefined }))
      .map(([whole, part]) => part === undefined ? `${whole}` : `${whole === 0 ? 1 : whole}.${part}`),
    kind: "string",
    coded: false,
  },
);

/** The types of a field, `depth` levels deep at most. */
function types(depth: number): Types {
  if (depth === 0) return fc.oneof({ weight: 3, arbitrary: leaves }, { weight: 2, arbitrary: codecs });
  const inner = types(depth - 1);
  return fc.oneof(
    { weight: 4, arbitrary: leaves },
    { weight: 3, arbitrary: codecs },
    { weight: 1, arbitrary: inner.map(nullable) },
    { weight: 1, arbitrary: fc.tuple(inner, fc.nat(2), fc.nat(3)).map(array) },
    { weight: 1, arbitrary: fc.tuple(fc.array(inner, { maxLength: 3 }), fc.option(inner)).map(tuple) },
    { weight: 1, arbitrary: inner.map(record) },
    { weight: 1, arbitrary: fc.uniqueArray(inner, { minLength: 2, maxLength: 3 }).map(union) },
    { weight: 2, arbitrary: objects(inner) },
    { weight: 1, arbitrary: fc.array(objects(inner), { minLength: 1, maxLength: 3 }).map(discriminatedUnion) },
    { weight: 1, arbitrary: inner.map(tree) },
  );
}

function nullable(type: ArbitraryType): ArbitraryType {
  return {
    words: `nullable ${type.words}`,
    schema: z.nullable(type.schema),
    values: fc.option(type.values),
    kind: "several",
    coded: type.coded,
  };
}

function array([type, min, more]: readonly [ArbitraryType, number, number]): ArbitraryType {
  return {
    words: `${min} to ${min + more} of (${type.words})`,
    schema: z.array(type.schema).min(min).max(min + more),
    values: fc.array(type.values, { minLength: min, maxLength: min + more }),
    kind: "array",
    coded: type.coded,
  };
}

function tuple([items, rest]: readonly [readonly ArbitraryType[], ArbitraryType | null]): ArbitraryType {
  const schemas = items.map((item) => item.schema) as [z.ZodType, ...z.ZodType[]];
  const fixed = fc.tuple(...items.map((item) => item.values));
  return {
    words: `tuple [${items.map((item) => item.words)}${rest ? `, … ${rest.words}` : ""}]`,
    schema: rest ? z.tuple(schemas, rest.schema) : z.tuple(schemas),
    values: rest ? fc.tuple(fixed, fc.array(rest.values, { maxLength: 2 })).map(([a, b]) => [...a, ...b]) : fixed,
    kind: "array",
    coded: [...items, ...rest ? [rest] : []].some((item) => item.coded),
  };
}

function record(type: ArbitraryType): ArbitraryType {
  return {
    words: `record of (${type.words})`,
    schema: z.record(z.string(), type.schema),
    values: fc.dictionary(fc.oneof(fieldName, fc.constantFrom("constructor", "toString", "\0")), type.values, {
      noNullPrototype: true,
    }),
    kind: "object",
    coded: type.coded,
  };
}

/** A union, or its first type where a codec among the others could not be told apart. */
function union(all: readonly ArbitraryType[]): ArbitraryType {
  const apart = all.every((a) => a.kind !== "several") && new Set(all.map((a) => a.kind)).size === all.length;
  if (!apart && all.some((a) => a.coded)) return all[0]!;
  return {
    words: `(${all.map((type) => type.words).join(" | ")})`,
    schema: z.union(all.map((type) => type.schema)),
    values: fc.oneof(...all.map((type) => type.values)),
    kind: "several",
    coded: all.some((type) => type.coded),
  };
}

interface ArbitraryObject extends ArbitraryType {
  readonly shape: Readonly<Record<string, z.ZodType>>;
  readonly values: fc.Arbitrary<Readonly<Record<string, unknown>>>;
}

type Presence = "required" | "optional" | "notSet" | "default";

function objects(inner: Types): fc.Arbitrary<ArbitraryObject> {
  const presence = fc.constantFrom<Presence>("required", "required", "optional", "notSet", "default");
  return fc.uniqueArray(fc.tuple(fieldName, inner, presence), { maxLength: 5, selector: ([name]) => name }).map(object);
}

function object(fields: readonly (readonly [string, ArbitraryType, Presence])[]): ArbitraryObject {
  const shape = Object.fromEntries(fields.map(([name, type, presence]) => [name, withPresence(type, presence)]));
  const model = Object.fromEntries(fields.map(([name, type, presence]) => {
    return [name, presence === "notSet" ? fc.oneof(type.values, fc.constant(NOT_SET)) : type.values];
  }));
  const known = fc.record(model, {
    requiredKeys: fields.filter(([, , presence]) => presence !== "optional").map(([name]) => name),
    noNullPrototype: true,
  });
  // What a newer producer adds has another name than what is known.
  const unknown = fc.dictionary(fc.constantFrom("later", "0", "constructor", "~"), anyJson, {
    maxKeys: 2,
    noNullPrototype: true,
  });
  return {
    words: `{${fields.map(([name, type, presence]) => `${name}: ${presence} ${type.words}`).join("; ")}}`,
    schema: z.object(shape),
    shape,
    values: fc.tuple(known, unknown).map(([a, b]) => ({ ...a, ...b })),
    kind: "object",
    coded: fields.some(([, type, presence]) => type.coded || presence === "notSet" || presence === "default"),
  };
}

function withPresence(type: ArbitraryType, presence: Presence): z.ZodType {
  switch (presence) {
    case "required":
      return type.schema;
    case "optional":
      return z.optional(type.schema);
    case "notSet":
      return notSet(type.schema) as unknown as z.ZodType;
    case "default":
      return type.schema.default(fc.sample(type.values, { numRuns: 1, seed: 1 })[0] as never);
  }
}

function discriminatedUnion(options: readonly ArbitraryObject[]): ArbitraryType {
  const all = options.map((option, i) => {
    const { tag: _, ...shape } = option.shape;
    return {
      words: `tag ${i} ${option.words}`,
      schema: z.object({ tag: z.literal(`t${i}`), ...shape }),
      values: option.values.map((value) => ({ ...value, tag: `t${i}` })),
    };
  });
  return {
    words: `(${all.map((option) => option.words).join(" | ")})`,
    schema: z.discriminatedUnion(
      "tag",
      all.map((option) => option.schema) as unknown as [z.ZodObject<{ tag: z.ZodLiteral<string> }>],
    ),
    values: fc.oneof(...all.map((option) => option.values)),
    kind: "object",
    coded: options.some((option) => option.coded),
  };
}

function tree(type: ArbitraryType): ArbitraryType {
  const node: z.ZodType = z.object({
    value: type.schema,
    get children() {
      return z.array(node);
    },
    get next() {
      return z.optional(z.lazy(() => node));
    },
  });
  const leaf = fc.record({ value: type.values, children: fc.constant([]) }, { noNullPrototype: true });
  const grown = (inner: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
    fc.record({ value: type.values, children: fc.array(inner, { maxLength: 2 }), next: inner }, {
      requiredKeys: ["value", "children"],
      noNullPrototype: true,
    });
  return {
    words: `tree of (${type.words})`,
    schema: node,
    values: grown(grown(leaf)),
    kind: "object",
    coded: type.coded,
  };
}

let defined = 0;

/** Definitions of events of any fields that may be defined, each with payloads that fit, unknown fields among them. */
export const arbitraryEvents: fc.Arbitrary<ArbitraryEvent> = objects(types(2)).map(({ words, shape, values }) => ({
  words,
  definition: defineEvent(`Arbitrary${++defined}`, shape),
  payloads: values,
}));
