/**
 * `deno task bench schemas`: what validating, copying and freezing add to writing and reading an event as JSON.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { z } from "zod";
import { BenchReport } from "../local/bench_report.ts";
import { isoDate, urlString } from "./codecs.ts";
import { defineEvent, type EventDefinition } from "./event.ts";
import { notSet } from "./not_set.ts";

const ROUNDS = 15;
const RUNS_PER_ROUND = 5_000;

interface Sample {
  readonly what: string;
  readonly definition: EventDefinition;
  readonly payload: Readonly<Record<string, unknown>>;
}

const texts = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`field_${i}`, `value ${i}`]));
const order = {
  order_id: "019a2f6e-0000-7000-8000-000000000000",
  customer_id: "c-1",
  status: "open",
  total: 12.5,
  currency: "EUR",
  express: false,
  note: null,
};
const orderFields = {
  order_id: z.uuid(),
  customer_id: z.string().min(1).max(50),
  status: z.enum(["open", "paid"]),
  total: z.number().min(0),
  currency: z.string().length(3),
  express: z.boolean(),
  note: z.nullable(z.string()),
};

const samples: readonly Sample[] = [
  {
    what: "10 texts",
    definition: defineEvent("BenchTexts", Object.fromEntries(Object.keys(texts).map((key) => [key, z.string()]))),
    payload: texts,
  },
  {
    what: "with constraints, a list of objects",
    definition: defineEvent("BenchNested", {
      ...orderFields,
      lines: z.array(z.object({ sku: z.string(), count: z.int() })),
      address: z.object({ city: z.string(), zip: z.string() }),
      tags: z.array(z.string()),
    }),
    payload: {
      ...order,
      lines: [{ sku: "a", count: 1 }, { sku: "b", count: 2 }],
      address: { city: "Łódź", zip: "90-001" },
      tags: ["x", "y"],
    },
  },
  {
    what: "with constraints, a Date, notSet",
    definition: defineEvent("BenchCodecs", {
      ...orderFields,
      at: isoDate,
      address: z.object({ city: z.string(), zip: z.string() }),
      channel: notSet(z.string()),
    }),
    payload: {
      ...order,
      at: new Date("2026-01-31T12:00:00Z"),
      address: { city: "Łódź", zip: "90-001" },
      channel: "web",
    },
  },
  {
    what: "10 texts, one of them a URL",
    definition: defineEvent("BenchAddress", {
      ...Object.fromEntries(Object.keys(texts).map((key) => [key, z.string()])),
      field_9: urlString,
    }),
    payload: { ...texts, field_9: new URL("https://example.com/a?b=1") },
  },
  {
    what: "10 texts, and 3 unknown fields",
    definition: defineEvent("BenchUnknown", Object.fromEntries(Object.keys(texts).map((key) => [key, z.string()]))),
    payload: { ...texts, later_1: "x", later_2: { a: [1, 2] }, later_3: null },
  },
];

/**
 * The median over rounds, in microseconds, of what a run takes of the CPU, the collection of its garbage included. The functions take turns,
 * so that all of them meet the same machine.
 */
function measure(functions: readonly (() => unknown)[]): number[] {
  const times = functions.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, run] of functions.entries()) {
      const before = cpuUsage();
      for (let n = 0; n < RUNS_PER_ROUND; n++) kept = run();
      const { user, system } = cpuUsage(before);
      times[i]!.push((user + system) / RUNS_PER_ROUND);
    }
  }
  // The first rounds compile.
  return times.map((each) => each.slice(5).sort((a, b) => a - b)[Math.floor((ROUNDS - 5) / 2)]!);
}

/** So that no run is optimised away. */
let kept: unknown;

const report = new BenchReport("schemas");
for (const { what, definition, payload } of samples) {
  const text = definition.encode(definition.create(payload));
  const plain = JSON.parse(text);
  const event = definition.decode(plain);
  const [stringify, send, encode, parse, receive] = measure([
    () => JSON.stringify(plain),
    () => definition.encode(definition.create(payload)),
    () => definition.encode(event),
    () => JSON.parse(text),
    () => definition.decode(JSON.parse(text)),
  ]) as [number, number, number, number, number];
  console.log(`\n${what}`);
  report.add(`${what}: JSON.stringify alone`, stringify, "µs");
  report.add(`${what}: create and encode add`, send - stringify, "µs", "< 10");
  report.add(`${what}: encode of a decoded event adds`, encode - stringify, "µs", "< 10");
  report.add(`${what}: JSON.parse alone`, parse, "µs");
  report.add(`${what}: decode adds`, receive - parse, "µs", "< 10");
}
report.end();
if (kept === undefined) throw new Error("Cannot measure: nothing was made");
