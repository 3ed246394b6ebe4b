import type { FieldSpec, Spec } from "./random_schema.ts";

/** A random number below 1, from a seed. */
export type Random = () => number;

/** Mulberry32: a small generator of random numbers, the same on every machine. */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of several. */
export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)]!;
}

const TEXTS = [
  ...[
    "",
    "a",
    "b",
    "ab",
    "ba",
    "aab",
    "abab",
    "1",
    "12",
    "123",
    "-5",
    "007",
    "aaaaaaa",
    "bbbb",
    "xyz",
    "éa",
    "😀",
    "abé😀b",
  ],
  ...[
    "2024-02-29",
    "2024-02-29T12:30:45Z",
    "2024-02-29T12:30:45.678Z",
    "2024-02-29T12:30:45+02:00",
    "2024-02-29T12:30:45",
  ],
  ...["2024-02-29T12:30Z", "1960-01-01T00:00:00Z", "a@example.com", "https://example.com/b", "http://a.b", "ab://c"],
  ...[
    "3f1e9b1c-5f1a-4d0e-8c7b-2a1b3c4d5e6f",
    "0191b0f4-5a3c-7c2e-8f1a-0123456789ab",
    "00000000-0000-0000-0000-000000000000",
  ],
  "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
];
const NUMBERS = [
  0,
  1,
  2,
  3,
  4,
  5,
  6,
  9,
  10,
  12,
  -1,
  -2,
  -3,
  0.5,
  1.5,
  0.1,
  0.3,
  2.5,
  -0.5,
  1e9,
  1_700_000_000_123,
  2 ** 53,
  1e300,
];

/** A value that a schema may take: what has the form of it, mostly at the edge of what is allowed. The caller asks zod whether it does. */
export function randomValue(spec: Spec, random: Random, depth = 0): unknown {
  switch (spec.kind) {
    case "string": {
      const text = pick(random, TEXTS);
      const edge = pick(random, [spec.min, spec.max, undefined]);
      return edge === undefined
        ? text
        : pick(random, ["a", "b", "1", text === "" ? "c" : text]).repeat(edge + 1).slice(0, edge);
    }
    case "number": {
      const edge = pick(random, [spec.min, spec.max, undefined, undefined]);
      const number = edge ?? pick(random, NUMBERS);
      return spec.step === undefined ? number : Math.round(number / spec.step) * spec.step;
    }
    case "boolean":
      return random() < 0.5;
    case "null":
      return null;
    case "literal":
      return pick(random, spec.values);
    case "array":
      return Array.from(
        { length: pick(random, [spec.min ?? 0, spec.max ?? 3, 1, 2]) },
        () => randomValue(spec.of, random, depth + 1),
      );
    case "tuple": {
      const items = spec.items.map((item) => randomValue(item, random, depth + 1));
      if (spec.optional && random() < 0.4) return items.slice(0, -1);
      const rest = spec.rest === undefined || random() < 0.5 ? [] : [randomValue(spec.rest, random, depth + 1)];
      return [...items, ...rest];
    }
    case "object":
      return randomFields(spec.fields, random, depth);
    case "record": {
      const count = pick(random, [0, 1, 2, 2]);
      if (spec.key.kind === "literal") {
        return Object.fromEntries(spec.key.values.map((key) => [key, randomValue(spec.of, random, depth + 1)]));
      }
      return Object.fromEntries(
        Array.from(
          { length: count },
          () => [String(randomValue(spec.key, random)), randomValue(spec.of, random, depth + 1)],
        ),
      );
    }
    case "union":
      return randomValue(pick(random, spec.of), random, depth + 1);
    case "tagged": {
      const { tag, fields } = pick(random, spec.of);
      return { ...randomFields(fields, random, depth), kind: tag };
    }
    case "nullable":
      return random() < 0.3 ? null : randomValue(spec.of, random, depth + 1);
    case "codec":
      return ["seconds", "millis", "later"].includes(spec.codec)
        ? pick(random, NUMBERS.slice(0, -2))
        : pick(random, TEXTS);
    case "list":
      return {
        value: randomValue(spec.of, random, depth + 1),
        next: depth > 3 || random() < 0.5 ? null : randomValue(spec, random, depth + 1),
      };
  }
}

/** The fields of an object; those that may be absent sometimes are. */
export function randomFields(fields: readonly FieldSpec[], random: Random, depth = 0): Record<string, unknown> {
  return Object.fromEntries(
    fields.filter(({ presence }) => presence === "required" || random() < 0.6)
      .map(({ name, of }) => [name, randomValue(of, random, depth + 1)]),
  );
}
