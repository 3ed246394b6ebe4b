import fc from "fast-check";

const others: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  2.5,
  1e21,
  "",
  "x",
  "w-1",
  "QR==",
  "2026-02-30T00:00:00Z",
  [],
  {},
  [null],
  { tag: "t9" },
];

/** Gives the next number below a bound. */
type Random = (below: number) => number;

/** Changes of a JSON value: each takes a value and gives it back with something somewhere in it changed, added, moved or gone. */
export const jsonMutations: fc.Arbitrary<(json: unknown) => unknown> = fc.array(fc.nat(), {
  minLength: 12,
  maxLength: 12,
}).map(
  (numbers) => {
    const mutation = (json: unknown): unknown => {
      let next = 0;
      return mutate(json, (below) => numbers[next++ % numbers.length]! % below);
    };
    return Object.assign(mutation, { toString: () => `mutation by ${numbers}` });
  },
);

function mutate(json: unknown, random: Random): unknown {
  const inside = typeof json === "object" && json !== null && Object.keys(json).length > 0;
  if (inside && random(4) !== 0) return mutateInside(json, random);
  switch (random(3)) {
    case 0:
      return nearby(json, random);
    default:
      return others[random(others.length)];
  }
}

function nearby(json: unknown, random: Random): unknown {
  if (typeof json === "number") return json + [1, -1, 0.5][random(3)]!;
  if (typeof json === "string") return [`${json}a`, json.slice(0, -1), `0${json}`, json.toUpperCase()][random(4)];
  if (Array.isArray(json)) return [...json, others[random(others.length)]];
  return typeof json === "boolean" ? !json : { ...json as object, added: others[random(others.length)] };
}

function mutateInside(json: object, random: Random): unknown {
  if (Array.isArray(json)) {
    const at = random(json.length);
    switch (random(4)) {
      case 0:
        return json.toSpliced(at, 1);
      case 1:
        return json.toSpliced(at, 0, json[at]);
      default:
        return json.with(at, mutate(json[at], random));
    }
  }
  const keys = Object.keys(json);
  const key = keys[random(keys.length)]!;
  const { [key]: value, ...rest } = json as Record<string, unknown>;
  return random(4) === 0 ? rest : { ...rest, [key]: mutate(value, random) };
}

/** The same JSON or payload with the keys of every plain object in another order. */
export function reversedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversedKeys);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, member]) => [key, reversedKeys(member)]));
}
