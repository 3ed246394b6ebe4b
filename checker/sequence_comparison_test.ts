import { assertEquals } from "@std/assert";
import { type Knowledge, SequenceComparison } from "./sequence_comparison.ts";
import { StageFindings } from "./stage_report.ts";

interface Options {
  readonly lookAhead?: number;
  readonly joinsLate?: boolean;
}

/** Compares two lists, page by page of three. */
async function compare(expected: readonly string[], held: readonly string[], options: Options = {}) {
  const places = new Map(expected.map((eventId, position) => [eventId, position]));
  const pages = function* <T>(list: readonly T[]) {
    for (let i = 0; i < list.length; i += 3) yield list.slice(i, i + 3);
  };
  const findings = new StageFindings("handled", 10);
  const comparison = new SequenceComparison({
    expected: (async function* () {
      for (const page of pages(expected.map((eventId, position) => ({ eventId, position })))) {
        yield await Promise.resolve(page);
      }
    })(),
    findings,
    ...options,
    identify: (ids) =>
      Promise.resolve(
        new Map(ids.map((id): [string, Knowledge] => {
          const position = places.get(id);
          return [id, position === undefined ? { kind: "unknown" } : { kind: "expected", position }];
        })),
      ),
  });
  for (const page of pages(held)) await comparison.take(page);
  await comparison.finish();
  const { events, lost, duplicated, unexpected, outOfOrder } = findings.report(0);
  return { events, lost, duplicated, unexpected, outOfOrder };
}

/** The same with everything in memory. */
function compareInMemory(expected: readonly string[], held: readonly string[]) {
  const seen = new Set<string>();
  let duplicated = 0, unexpected = 0, outOfOrder = 0, highest = -1;
  for (const id of held) {
    const place = expected.indexOf(id);
    if (seen.has(id)) duplicated++;
    else if (place === -1) unexpected++;
    else if (place < highest) outOfOrder++;
    highest = Math.max(highest, place);
    seen.add(id);
  }
  const lost = expected.filter((id) => !seen.has(id)).length;
  return { events: held.length, lost, duplicated, unexpected, outOfOrder };
}

const ids = Array.from({ length: 60 }, (_, i) => `e${i}`);
const any = (limit: number): number => Math.floor(Math.random() * limit);

/** A list with a few random faults. */
function spoil(list: readonly string[]): string[] {
  const held = [...list];
  for (let faults = any(8); faults > 0; faults--) {
    const at = any(held.length);
    const kind = any(4);
    if (kind === 0) held.splice(at, 1 + any(5));
    else if (kind === 1) held.splice(at, 0, held[any(held.length)]!);
    else if (kind === 2) held.splice(at, 0, `stranger ${faults}`);
    else [held[at], held[(at + 3) % held.length]] = [held[(at + 3) % held.length]!, held[at]!];
  }
  return held;
}

Deno.test("SequenceComparison finds what a comparison in memory finds, of whatever faults", async () => {
  for (let round = 0; round < 500; round++) {
    const held = spoil(ids);
    assertEquals(await compare(ids, held, { lookAhead: 60 }), compareInMemory(ids, held), held.join(" "));
  }
});

Deno.test("SequenceComparison counts what is lost, doubled and never sent, however little it looks ahead", async () => {
  for (let round = 0; round < 500; round++) {
    const held = spoil(ids);
    const { outOfOrder, ...found } = await compare(ids, held, { lookAhead: 2 });
    const { outOfOrder: inMemory, ...right } = compareInMemory(ids, held);
    assertEquals(found, right, held.join(" "));
    assertEquals(outOfOrder > 0, inMemory > 0, `${outOfOrder} ${inMemory} ${held.join(" ")}`);
  }
});

Deno.test("SequenceComparison passes over what comes before the first expected event, if it joins late", async () => {
  const right = { events: 50, lost: 0, duplicated: 0, unexpected: 0, outOfOrder: 0 };
  assertEquals(await compare(ids.slice(10), ids, { joinsLate: true }), right);
  assertEquals((await compare(ids.slice(10), ids)).unexpected, 10);
});

Deno.test("SequenceComparison goes on behind a gap that is larger than its look-ahead, and than what it keeps in mind", async () => {
  const many = Array.from({ length: 200_000 }, (_, i) => `e${i}`);
  const right = { duplicated: 0, unexpected: 0, outOfOrder: 0 };
  for (const rest of [3, 300]) {
    const held = ["e0", ...many.slice(-rest)];
    assertEquals(await compare(many, held, { lookAhead: 100 }), { ...right, events: rest + 1, lost: 199_999 - rest });
  }
  const strangers = Array.from({ length: 3_000 }, (_, i) => `stranger ${i}`);
  const held = [...many.slice(0, 10), ...strangers, ...many.slice(10)];
  const found = await compare(many, held, { lookAhead: 100 });
  assertEquals(found, { ...right, events: 203_000, lost: 0, unexpected: 3_000 });
});
