import type { SampleForm, TypeForm } from "./normal_form.ts";
import type { AnySchema } from "./read_checks.ts";

/** Texts that common codecs read: numbers, times, bytes, addresses, lists. */
const TEXTS = [
  ...["", "0", "1", "-1", "7", "42", "007", "1.5", "1.50", "-0.25", "1e3", "12345678901234567890", "0x1f", "1_000"],
  ...["2024-02-29T12:30:45.678Z", "2024-02-29T12:30:45Z", "2024-02-29T12:30:45.678+02:00", "2024-02-29T12:30:45"],
  ...["2024-02-29", "2024-01-02", "03/04/2024", "12:30:45", "12:30", "P1DT2H", "1700000000", "1700000000123"],
  ...[
    "aGVsbG8=",
    "aGVsbG8",
    "-_8",
    "+/8=",
    "YWI",
    "YWI=",
    "abcd",
    "68656c6c6f",
    "00ff",
    "DEADBEEF",
    "SGVsbG8gd29ybGQ=",
  ],
  ...["https://example.com/a?b=1#c", "http://localhost:8080", "mailto:a@example.com", "/a/b", "a@example.com"],
  ...["0191b0f4-5a3c-7c2e-8f1a-0123456789ab", "127.0.0.1", "::1", "true", "false", "yes", "null", "a,b", "a b", "A"],
  ...["{}", "[1,2]", '{"a":1}', '"x"', "hello", "Ünï", "EUR", "EUR 1.50", "1.50 EUR", "10s", "5m"],
];

const NUMBERS = [0, 1, -1, 2, 7, 100, 255, 1.5, -0.25, 86_400, 1_700_000_000, 1_700_000_000_123, 2 ** 53 - 1];

/** The samples that every codec is tried with, as JSON text. */
export const FIXED_SAMPLES: ReadonlySet<string> = new Set(
  [...TEXTS, ...NUMBERS, true, false, null].map((value) => JSON.stringify(value)),
);

/** Runs a schema's way from the wire. @returns what it makes of the value in words; `undefined` when it refuses it */
function decodeInWords(schema: AnySchema, value: unknown): string | undefined {
  try {
    const result = schema._zod.run({ value, issues: [] }, { async: false });
    if (typeof result !== "object" || result === null || result instanceof Promise) return undefined;
    const { value: decoded, issues } = result as { value: unknown; issues: readonly unknown[] };
    return issues.length === 0 ? inWords(decoded) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Tells what a codec makes of samples from the wire. Two codecs over the same wire type mean the same when they make the same
 * of each: their source text says nothing about that.
 */
export function codecSamples(schema: AnySchema, wire: TypeForm): readonly SampleForm[] {
  const definition = schema._zod.def;
  const text = JSON.stringify(wire);
  // The same codec is used by many events, each with a copy of its schema.
  const parts = [definition["transform"], definition["out"], definition["in"]];
  const known = KNOWN.find((other) => other.wire === text && isSamePipe(other.parts, parts));
  if (known !== undefined) return known.samples;
  const samples = takeSamples(schema, wire);
  if (typeof parts[0] === "function") {
    KNOWN.push({ wire: text, parts, samples });
    if (KNOWN.length > 50) KNOWN.shift();
  }
  return samples;
}

const KNOWN: { readonly wire: string; readonly parts: readonly unknown[]; readonly samples: readonly SampleForm[] }[] =
  [];

/** Whether two pipes are copies of one: their function and their end in memory are the same, and their end on the wire is of no pipe. */
function isSamePipe([transform, out, end]: readonly unknown[], others: readonly unknown[]): boolean {
  const type = (end as AnySchema)._zod.def.type;
  return transform === others[0] && out === others[1] && ["string", "number", "boolean"].includes(type) &&
    (others[2] as AnySchema)._zod.def.type === type;
}

function takeSamples(schema: AnySchema, wire: TypeForm): readonly SampleForm[] {
  const samples: [string, string][] = [];
  const seen = new Set<string>();
  for (const value of [...samplesOf(wire, 0), ...TEXTS, ...NUMBERS, true, false, null]) {
    const text = JSON.stringify(value);
    if (seen.has(text)) continue;
    seen.add(text);
    const words = decodeInWords(schema, value);
    if (words !== undefined) samples.push([text, words]);
  }
  return samples;
}

/** Samples that follow the form of a wire type, for types that are not plain texts or numbers. */
function samplesOf(type: TypeForm, depth: number): readonly unknown[] {
  if (depth > 3) return [];
  switch (type.kind) {
    case "literal":
      return type.values;
    case "array":
      return [[], ...samplesOf(type.element, depth + 1).slice(0, 8).map((element) => [element])];
    case "tuple": {
      const items = type.items.map((item) => samplesOf(item, depth + 1));
      return [0, 1, 2].map((n) => items.map((samples) => samples[n % Math.max(1, samples.length)]));
    }
    case "object": {
      const fields = Object.entries(type.fields).map(([name, field]) =>
        [name, samplesOf(field.type, depth + 1)] as const
      );
      return [0, 1, 2].map((n) =>
        Object.fromEntries(fields.map(([name, all]) => [name, all[n % Math.max(1, all.length)]]))
      );
    }
    case "record":
      return [{}, ...samplesOf(type.value, depth + 1).slice(0, 4).map((value) => ({ a: value }))];
    case "union":
      return type.branches.flatMap((branch) => samplesOf(branch, depth + 1).slice(0, 20));
    case "codec":
      return samplesOf(type.wire, depth + 1);
    case "string":
      return depth === 0 ? [] : TEXTS;
    case "number":
      return depth === 0 ? [] : NUMBERS;
    case "boolean":
      return [true, false];
    case "null":
      return [null];
    default:
      return [];
  }
}

/** A value in memory in words that two copies of a program agree on. */
function inWords(value: unknown, depth = 0): string {
  if (depth > 5) return "…";
  if (value instanceof Date) return `Date ${Number.isNaN(value.getTime()) ? "invalid" : value.toISOString()}`;
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return `${value.constructor.name} ${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }
  switch (typeof value) {
    case "bigint":
      return `bigint ${value}`;
    case "string":
      return JSON.stringify(value);
    case "symbol":
    case "function":
      return String(value);
    case "object":
      break;
    default:
      return Object.is(value, -0) ? "-0" : String(value);
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map((item) => inWords(item, depth + 1)).join(", ")}]`;
  if (value instanceof Map || value instanceof Set) {
    return `${value.constructor.name} ${inWords([...value], depth + 1)}`;
  }
  const name = Object.getPrototypeOf(value)?.constructor?.name ?? "Object";
  const own = Object.prototype.toString;
  if (name !== "Object" && value.toString !== own) return `${name} ${String(value)}`;
  const members = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  const text = members.map(([key, member]) => `${JSON.stringify(key)}: ${inWords(member, depth + 1)}`).join(", ");
  return `${name === "Object" ? "" : `${name} `}{${text}}`;
}
