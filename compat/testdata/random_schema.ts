import { notSet as notSetField } from "@events-pipeline/common";
import fc from "fast-check";
import { z } from "zod";

/** A random schema, before it is one of zod: easy to change, to build, and to make values of. */
export type Spec =
  | {
    readonly kind: "string";
    readonly min?: number;
    readonly max?: number;
    readonly pattern?: Pattern;
    readonly format?: Format;
  }
  | {
    readonly kind: "number";
    readonly int: boolean;
    readonly exclusive?: boolean;
    readonly min?: number;
    readonly max?: number;
    readonly step?: number;
  }
  | { readonly kind: "boolean" }
  | { readonly kind: "null" }
  | { readonly kind: "literal"; readonly values: readonly (string | number | boolean)[] }
  | { readonly kind: "array"; readonly of: Spec; readonly min?: number; readonly max?: number }
  | { readonly kind: "tuple"; readonly items: readonly Spec[]; readonly optional: boolean; readonly rest?: Spec }
  | { readonly kind: "object"; readonly fields: readonly FieldSpec[]; readonly unknown: Unknown }
  | { readonly kind: "record"; readonly key: Spec; readonly of: Spec }
  | { readonly kind: "union"; readonly of: readonly Spec[] }
  | { readonly kind: "tagged"; readonly of: readonly { readonly tag: string; readonly fields: readonly FieldSpec[] }[] }
  | { readonly kind: "nullable"; readonly of: Spec }
  | { readonly kind: "codec"; readonly codec: Codec }
  | { readonly kind: "list"; readonly of: Spec };

/** A field of an object. */
export interface FieldSpec {
  readonly name: string;
  readonly presence: "required" | "optional" | "notSet" | "default";
  readonly of: Spec;
}

export const UNKNOWN = ["kept", "dropped", "refused"] as const;
type Unknown = typeof UNKNOWN[number];

export const PATTERNS = { a: /^a/, digits: /^[0-9]+$/, ab: /^[ab]*$/ } as const;
type Pattern = keyof typeof PATTERNS;

export const FORMATS = {
  uuid: () => z.uuid(),
  uuidv4: () => z.uuidv4(),
  guid: () => z.guid(),
  email: () => z.email(),
  date: () => z.iso.date(),
  datetime: () => z.iso.datetime(),
  datetimeOffset: () => z.iso.datetime({ offset: true }),
  datetimeLocal: () => z.iso.datetime({ local: true }),
  datetimeMillis: () => z.iso.datetime({ precision: 3 }),
  datetimeMinutes: () => z.iso.datetime({ precision: -1 }),
  url: () => z.url(),
  https: () => z.url({ protocol: /^https$/ }),
  starts: () => z.string().startsWith("ab"),
  includes: () => z.string().includes("b"),
} as const;
type Format = keyof typeof FORMATS;

export const CODECS = {
  seconds: () =>
    z.codec(z.number(), z.date(), { decode: (s) => new Date(s * 1_000), encode: (d) => d.getTime() / 1_000 }),
  millis: () => z.codec(z.number(), z.date(), { decode: (ms) => new Date(ms), encode: (d) => d.getTime() }),
  later: () =>
    z.codec(z.number(), z.date().min(new Date(0)), { decode: (ms) => new Date(ms), encode: (d) => d.getTime() }),
  isoDate: () =>
    z.codec(z.iso.datetime({ offset: true }), z.date(), { decode: (s) => new Date(s), encode: (d) => d.toISOString() }),
  bigint: () =>
    z.codec(z.string().regex(/^-?[0-9]{1,30}$/), z.bigint(), { decode: (s) => BigInt(s), encode: (n) => String(n) }),
  positive: () =>
    z.codec(z.string().regex(/^-?[0-9]{1,30}$/), z.bigint().min(0n), {
      decode: (s) => BigInt(s),
      encode: (n) => String(n),
    }),
  reversed: () =>
    z.codec(z.string(), z.string(), {
      decode: (s) => [...s].reverse().join(""),
      encode: (s) => [...s].reverse().join(""),
    }),
} as const;
type Codec = keyof typeof CODECS;

const NAMES = ["a", "b", "c", "kind"] as const;
export const TAGS = ["x", "y", "z"] as const;
export const LITERALS = ["a", "ab", "b", "1", "", 0, 1, 2, true, false] as const;
export const STEPS = [1, 2, 3, 6, 0.5, 0.1] as const;

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 1 });
const keys = <T extends object>(value: T): (keyof T)[] => Object.keys(value) as (keyof T)[];

/** Leaves out what is undefined. */
export function compact<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as never;
}

const small = fc.integer({ min: -3, max: 6 });
const size = fc.integer({ min: 0, max: 4 });

/** Random schemas, of a few levels. */
export const { spec, fields } = fc.letrec<{ spec: Spec; leaf: Spec; fields: readonly FieldSpec[] }>((tie) => ({
  leaf: fc.oneof(
    fc.record({
      kind: fc.constant("string" as const),
      min: optional(size),
      max: optional(size.map((n) => n + 3)),
      pattern: optional(fc.constantFrom(...keys(PATTERNS))),
    }).map(compact),
    fc.constantFrom(...keys(FORMATS)).map((format): Spec => ({ kind: "string", format })),
    fc.record({
      kind: fc.constant("number" as const),
      int: fc.boolean(),
      exclusive: fc.boolean(),
      min: optional(small),
      max: optional(small.map((n) => n + 4)),
      step: optional(fc.constantFrom(...STEPS)),
    }).map(compact),
    fc.constantFrom<Spec>({ kind: "boolean" }, { kind: "null" }, { kind: "string" }, { kind: "number", int: false }),
    fc.uniqueArray(fc.constantFrom(...LITERALS), { minLength: 1, maxLength: 4 })
      .map((values): Spec => ({ kind: "literal", values })),
    fc.constantFrom(...keys(CODECS)).map((codec): Spec => ({ kind: "codec", codec })),
  ) as fc.Arbitrary<Spec>,
  fields: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(...NAMES),
      presence: fc.constantFrom("required", "required", "optional", "notSet", "default"),
      of: tie("spec"),
    }),
    { selector: ({ name }) => name, maxLength: 3 },
  ) as fc.Arbitrary<readonly FieldSpec[]>,
  spec: fc.oneof(
    { maxDepth: 2, depthSize: "small", withCrossShrink: true },
    { weight: 6, arbitrary: tie("leaf") },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("array" as const),
        of: tie("spec"),
        min: optional(fc.integer({ min: 0, max: 2 })),
        max: optional(fc.integer({ min: 1, max: 3 })),
      }).map(compact),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("tuple" as const),
        items: fc.array(tie("spec"), { minLength: 1, maxLength: 3 }),
        optional: fc.boolean(),
        rest: optional(tie("leaf")),
      }).map(compact),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("object" as const),
        fields: tie("fields"),
        unknown: fc.constantFrom("kept", ...UNKNOWN),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("record" as const),
        key: fc.oneof(
          fc.constant<Spec>({ kind: "string" }),
          size.map((max): Spec => ({ kind: "string", max: max + 1 })),
          fc.constant<Spec>({ kind: "literal", values: ["a", "b"] }),
        ),
        of: tie("spec"),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("union" as const),
        of: fc.array(tie("spec"), { minLength: 1, maxLength: 3 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("tagged" as const),
        of: fc.uniqueArray(fc.record({ tag: fc.constantFrom(...TAGS), fields: tie("fields") }), {
          selector: ({ tag }) => tag,
          minLength: 1,
        }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("nullable" as const), of: tie("spec") }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("list" as const), of: tie("leaf") }) },
  ) as fc.Arbitrary<Spec>,
}));

/** Builds the schema of zod; `closed`, so that it refuses every field that it does not name. */
export function build(spec: Spec, closed = false): z.ZodType {
  const open = closed ? z.strictObject : z.looseObject;
  switch (spec.kind) {
    case "string": {
      let type: z.ZodString = spec.format === undefined ? z.string() : FORMATS[spec.format]() as unknown as z.ZodString;
      if (spec.min !== undefined) type = type.min(spec.min);
      if (spec.max !== undefined) type = type.max(spec.max);
      return spec.pattern === undefined ? type : type.regex(PATTERNS[spec.pattern]);
    }
    case "number": {
      let type: z.ZodNumber = spec.int ? z.int() : z.number();
      if (spec.min !== undefined) type = spec.exclusive ? type.gt(spec.min) : type.min(spec.min);
      if (spec.max !== undefined) type = spec.exclusive ? type.lt(spec.max) : type.max(spec.max);
      return spec.step === undefined ? type : type.multipleOf(spec.step);
    }
    case "boolean":
      return z.boolean();
    case "null":
      return z.null();
    case "literal":
      return z.literal(spec.values);
    case "array": {
      let type = z.array(build(spec.of, closed));
      if (spec.min !== undefined) type = type.min(spec.min);
      return spec.max === undefined ? type : type.max(spec.max);
    }
    case "tuple": {
      const items = spec.items.map((item, i) =>
        spec.optional && i === spec.items.length - 1 ? build(item, closed).optional() : build(item, closed)
      );
      const tuple = z.tuple(items as [z.ZodType, ...z.ZodType[]]);
      return spec.rest === undefined ? tuple : tuple.rest(build(spec.rest, closed));
    }
    case "object": {
      const object = z.object(shapeOf(spec.fields, closed));
      if (closed || spec.unknown === "refused") return object.strict();
      return spec.unknown === "kept" ? object.loose() : object;
    }
    case "record":
      return z.record(build(spec.key, closed) as z.ZodString, build(spec.of, closed));
    case "union":
      return z.union(spec.of.map((branch) => build(branch, closed)));
    case "tagged":
      return z.discriminatedUnion(
        "kind",
        spec.of.map(({ tag, fields }) => open({ ...shapeOf(fields, closed), kind: z.literal(tag) })) as unknown as [
          z.ZodObject,
        ],
      );
    case "nullable":
      return build(spec.of, closed).nullable();
    case "codec":
      return CODECS[spec.codec]();
    case "list": {
      const node: z.ZodType = z.lazy(() => open({ value, next: node.nullable() }));
      const value = build(spec.of, closed);
      return node;
    }
  }
}

/** Builds the schemas of fields. */
export function shapeOf(fields: readonly FieldSpec[], closed = false): Record<string, z.ZodType> {
  return Object.fromEntries(fields.map(({ name, presence, of }) => {
    const type = build(of, closed);
    switch (presence) {
      case "required":
        return [name, type];
      case "optional":
        return [name, type.optional()];
      case "default":
        return [name, type.default("?")];
      case "notSet":
        return [name, notSetField(type) as unknown as z.ZodType];
    }
  }));
}
