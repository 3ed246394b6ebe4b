import {
  CODECS,
  compact,
  type FieldSpec,
  FORMATS,
  LITERALS,
  PATTERNS,
  type Spec,
  STEPS,
  TAGS,
  UNKNOWN,
} from "./random_schema.ts";
import { pick, type Random } from "./random_value.ts";

type Of<Kind extends Spec["kind"]> = Extract<Spec, { readonly kind: Kind }>;

const PRESENCES = ["required", "optional", "notSet", "default"] as const;
const keys = <T extends object>(value: T): (keyof T)[] => Object.keys(value) as (keyof T)[];

const LEAVES: readonly Spec[] = [
  { kind: "string" },
  { kind: "number", int: false },
  { kind: "number", int: true },
  { kind: "boolean" },
  { kind: "null" },
  { kind: "literal", values: ["a", "b"] },
  { kind: "codec", codec: "seconds" },
  { kind: "codec", codec: "isoDate" },
];

/** Changes the fields of an event: one of them, or one inside one, or adds or removes one. */
export function mutateFields(fields: readonly FieldSpec[], random: Random): readonly FieldSpec[] {
  const i = Math.floor(random() * fields.length);
  const change = fields.length === 0 ? 1 : pick(random, [0, 0, 0, 0, 1, 2, 3, 4]);
  switch (change) {
    case 0:
      return fields.with(i, { ...fields[i]!, of: mutate(fields[i]!.of, random) });
    case 1: {
      const name = pick(
        random,
        ["a", "b", "c", "kind", "d"].filter((name) => !fields.some((field) => field.name === name)),
      );
      return [...fields, { name, presence: pick(random, PRESENCES), of: pick(random, LEAVES) }];
    }
    case 2:
      return fields.filter((_, j) => j !== i);
    case 3:
      return fields.with(i, { ...fields[i]!, presence: pick(random, PRESENCES) });
    default:
      return [...fields].reverse();
  }
}

/** Changes a schema in one place. Some changes narrow it, some widen it, some make no difference. */
export function mutate(spec: Spec, random: Random): Spec {
  if (random() < 0.45) {
    const inside = mutateInside(spec, random);
    if (inside !== undefined) return inside;
  }
  if (random() < 0.15) return wrap(spec, random);
  return mutateHere(spec, random);
}

function wrap(spec: Spec, random: Random): Spec {
  return pick<() => Spec>(random, [
    () => ({ kind: "nullable", of: spec }),
    () => ({ kind: "union", of: [spec, pick(random, LEAVES)] }),
    () => ({ kind: "union", of: [pick(random, LEAVES), spec] }),
    () => ({ kind: "union", of: [spec] }),
    () => ({ kind: "array", of: spec }),
    () => pick(random, LEAVES),
  ])();
}

function mutateInside(spec: Spec, random: Random): Spec | undefined {
  switch (spec.kind) {
    case "array":
    case "nullable":
    case "list":
    case "record":
      return { ...spec, of: mutate(spec.of, random) };
    case "tuple": {
      const i = Math.floor(random() * spec.items.length);
      return { ...spec, items: spec.items.with(i, mutate(spec.items[i]!, random)) };
    }
    case "object":
      return spec.fields.length === 0 ? undefined : { ...spec, fields: mutateFields(spec.fields, random) };
    case "union": {
      const i = Math.floor(random() * spec.of.length);
      return { ...spec, of: spec.of.with(i, mutate(spec.of[i]!, random)) };
    }
    case "tagged": {
      const i = Math.floor(random() * spec.of.length);
      const branch = spec.of[i]!;
      return { ...spec, of: spec.of.with(i, { ...branch, fields: mutateFields(branch.fields, random) }) };
    }
    default:
      return undefined;
  }
}

function mutateHere(spec: Spec, random: Random): Spec {
  switch (spec.kind) {
    case "string":
      return compact<Of<"string">>({
        ...spec,
        ...pick(random, [
          { min: step(spec.min, random) },
          { max: step(spec.max, random) },
          { pattern: pick(random, [undefined, ...keys(PATTERNS)]) },
          { format: pick(random, [undefined, ...keys(FORMATS)]) },
        ]),
      } as Of<"string">);
    case "number":
      return compact<Of<"number">>({
        ...spec,
        ...pick(random, [
          { min: step(spec.min, random) },
          { max: step(spec.max, random) },
          { int: !spec.int },
          { exclusive: !spec.exclusive },
          { step: pick(random, [undefined, ...STEPS]) },
        ]),
      } as Of<"number">);
    case "boolean":
      return { kind: "literal", values: pick(random, [[true, false], [true]]) };
    case "literal": {
      const more = pick(random, LITERALS);
      return pick<() => Spec>(random, [
        () => ({ ...spec, values: [...new Set([...spec.values, more])] }),
        () => spec.values.length > 1 ? { ...spec, values: spec.values.slice(1) } : { ...spec, values: [more] },
        () => ({ ...spec, values: [...spec.values].reverse() }),
        () => ({ kind: "union", of: spec.values.map((value): Spec => ({ kind: "literal", values: [value] })) }),
        () => ({ kind: "string" }),
        () => ({ kind: "union", of: [{ kind: "string" }, { kind: "number", int: false }, { kind: "boolean" }] }),
      ])();
    }
    case "array":
      return pick<() => Spec>(random, [
        () => compact({ ...spec, min: step(spec.min, random) } as Of<"array">),
        () => compact({ ...spec, max: step(spec.max, random) } as Of<"array">),
        () => ({ kind: "tuple", items: [spec.of], optional: false, ...(random() < 0.5 ? { rest: spec.of } : {}) }),
      ])();
    case "tuple":
      return pick<() => Spec>(random, [
        () => ({ ...spec, items: [...spec.items, pick(random, LEAVES)], optional: random() < 0.5 }),
        () => spec.items.length > 1 ? { ...spec, items: spec.items.slice(0, -1) } : spec,
        () => ({ ...spec, optional: !spec.optional }),
        () =>
          spec.rest === undefined ? { ...spec, rest: pick(random, LEAVES) } : (({ rest: _, ...other }) => other)(spec),
        () => ({ kind: "array", of: spec.items.length === 1 ? spec.items[0]! : { kind: "union", of: spec.items } }),
      ])();
    case "object":
      return pick<() => Spec>(random, [
        () => ({ ...spec, fields: mutateFields(spec.fields, random) }),
        () => ({ ...spec, unknown: pick(random, UNKNOWN) }),
        () =>
          spec.fields.length === 0
            ? spec
            : { kind: "record", key: { kind: "string" }, of: { kind: "union", of: spec.fields.map(({ of }) => of) } },
      ])();
    case "record":
      return pick<() => Spec>(random, [
        () => ({ ...spec, key: { kind: "string" } }),
        () => ({ ...spec, key: { kind: "string", max: 3 } }),
        () => ({ ...spec, key: { kind: "literal", values: ["a", "b"] } }),
        () => ({
          kind: "object",
          fields: ["a", "b"].map((name): FieldSpec => ({ name, presence: pick(random, PRESENCES), of: spec.of })),
          unknown: pick(random, UNKNOWN),
        }),
      ])();
    case "union":
      return pick<() => Spec>(random, [
        () => ({ ...spec, of: [...spec.of].reverse() }),
        () => spec.of.length > 1 ? { ...spec, of: spec.of.slice(1) } : spec.of[0]!,
        () => ({ ...spec, of: [...spec.of, pick(random, LEAVES)] }),
        () => ({ ...spec, of: [pick(random, LEAVES), ...spec.of] }),
      ])();
    case "tagged":
      return pick<() => Spec>(random, [
        () => {
          const tag = TAGS.find((tag) => !spec.of.some((branch) => branch.tag === tag));
          return tag === undefined ? spec : { ...spec, of: [...spec.of, { tag, fields: [] }] };
        },
        () => spec.of.length > 1 ? { ...spec, of: spec.of.slice(1) } : spec,
        () => ({ ...spec, of: [...spec.of].reverse() }),
        () => ({
          kind: "union",
          of: spec.of.map(({ tag, fields }): Spec => ({
            kind: "object",
            fields: [
              ...fields.filter(({ name }) => name !== "kind"),
              { name: "kind", presence: "required", of: { kind: "literal", values: [tag] } },
            ],
            unknown: "kept",
          })),
        }),
      ])();
    case "nullable":
      return pick<Spec>(random, [spec.of, { kind: "union", of: [{ kind: "null" }, spec.of] }]);
    case "codec":
      return { kind: "codec", codec: pick(random, keys(CODECS)) };
    case "list":
      // One level written out: the same type.
      return {
        kind: "object",
        fields: [
          { name: "value", presence: "required", of: spec.of },
          { name: "next", presence: "required", of: { kind: "nullable", of: spec } },
        ],
        unknown: "kept",
      };
    case "null":
      return pick(random, LEAVES);
  }
}

function step(bound: number | undefined, random: Random): number | undefined {
  if (bound === undefined) return pick(random, [0, 1, 2, 3, 5]);
  return pick(random, [bound - 1, bound + 1, bound, undefined]);
}
