import { assert } from "@std/assert";
import fc from "fast-check";
import { z } from "zod";
import { diffSnapshots } from "./diff.ts";
import { mutateFields } from "./testdata/mutate_schema.ts";
import { fields, type FieldSpec, shapeOf } from "./testdata/random_schema.ts";
import { randomFields, randomFrom } from "./testdata/random_value.ts";
import { snapshotWith } from "./testdata/snapshots.ts";

const PAIRS = 10_000;
const VALUES = 12;

type Decoded = { readonly success: true; readonly data: unknown } | { readonly success: false };

/** Whether two readings of a value from the wire say the same. What is absent says nothing; what is read as it is on the wire says that. */
function sameMeaning(a: unknown, b: unknown, wire: unknown): boolean {
  if (Array.isArray(wire) && Array.isArray(a) && Array.isArray(b)) {
    return wire.every((item, i) => sameMeaning(a[i], b[i], item));
  }
  if (isPlainObject(wire) && isPlainObject(a) && isPlainObject(b)) {
    return Object.keys(wire).every((key) => !(key in a) || !(key in b) || sameMeaning(a[key], b[key], wire[key]));
  }
  return isSame(a, b) || isSame(a, wire) || isSame(b, wire);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isSame(a: unknown, b: unknown): boolean {
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return Object.is(a, b);
  const [keysA, keysB] = [Object.keys(a), Object.keys(b)];
  return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && keysA.length === keysB.length &&
    keysA.every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** Finds a value that a writer sends and a reader refuses, or reads as something else. */
function counterexample(
  sent: readonly FieldSpec[],
  writer: z.ZodType,
  reader: z.ZodType,
  seed: number,
): { readonly checked: number; readonly found?: string } {
  const random = randomFrom(seed);
  let checked = 0;
  for (let i = 0; i < VALUES; i++) {
    const text = JSON.stringify(randomFields(sent, random));
    const wire = JSON.parse(text);
    const written: Decoded = z.safeDecode(writer, wire);
    if (!written.success) continue;
    checked++;
    const read: Decoded = z.safeDecode(reader, JSON.parse(text));
    if (read.success && sameMeaning(written.data, read.data, wire)) continue;
    // A writer sends only fields that its schema names. In a union, one branch may keep as unknown what is wrong for another.
    const closed = z.strictObject(shapeOf(sent, true));
    if (!z.safeDecode(closed, wire).success) continue;
    return { checked, found: `${text} is ${read.success ? "read as something else" : "refused"}` };
  }
  return { checked };
}

Deno.test("what the checker calls compatible is: old values parse under the new schema and mean the same, and the other way round", () => {
  // Compiling each schema to JavaScript takes longer than a few values are worth.
  z.config({ jitless: true });
  const seed = Number(Deno.env.get("COMPAT_SEED") ?? Date.now() % 2 ** 31);
  console.log(`soundness of compat: seed ${seed} (COMPAT_SEED repeats it)`);
  const count = { compatible: 0, changed: 0, values: 0, refused: 0, proven: 0 };
  const inputs = fc.record({
    old: fields,
    changes: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
    values: fc.nat(),
  });
  try {
    fc.assert(
      fc.property(inputs, ({ old, changes, values }) => {
        const now = changes.reduce((spec, change) => mutateFields(spec, randomFrom(change)), old);
        const [oldType, nowType] = [z.looseObject(shapeOf(old)), z.looseObject(shapeOf(now))];
        const found = diffSnapshots(snapshotWith(oldType.shape), snapshotWith(nowType.shape));
        const same = JSON.stringify(old) === JSON.stringify(now);
        for (const direction of ["backward", "forward"] as const) {
          const [sent, writer, reader] = direction === "backward" ? [old, oldType, nowType] : [now, nowType, oldType];
          const refusals = found.filter(({ breaks }) => breaks.includes(direction));
          const { checked, found: example } = counterexample(sent, writer, reader, values);
          if (refusals.length > 0) {
            count.refused++;
            if (example !== undefined) count.proven++;
            continue;
          }
          count.compatible++;
          if (!same) count.changed++;
          count.values += checked;
          if (example !== undefined) {
            throw new Error(`${direction}: ${example}\n${JSON.stringify(old)}\n${JSON.stringify(now)}`);
          }
        }
      }),
      { numRuns: PAIRS, seed, endOnFailure: false },
    );
  } finally {
    z.config({ jitless: false });
  }
  console.log(JSON.stringify(count));
  // The test would prove nothing if hardly any pair were called compatible, or hardly any value fitted.
  assert(count.changed > PAIRS / 4, `only ${count.changed} of ${2 * PAIRS} comparisons found a change compatible`);
  assert(count.values > PAIRS * 2, `only ${count.values} values were compared`);
});
