import type { Entry } from "@events-pipeline/common";
import { assertEquals, assertThrows } from "@std/assert";
import { cutSegment, GapError, makeSegment } from "./segment.ts";

const STREAM = "stream:widgets:events";
const DAY = Date.UTC(2026, 0, 1);
const LIMITS = { count: 100, bytes: 1e6 };

function entry(position: number, ms: number = DAY): Entry {
  return {
    entryId: `${ms}-${position}`,
    eventId: "019a2f6e-0000-7000-8000-000000000000",
    stream: STREAM,
    eventType: "WidgetCreated",
    time: new Date(ms).toISOString(),
    metadata: "{}",
    payload: '{"widget_id":"w1"}',
  };
}

const entries = [1, 2, 3, 4].map((position) => entry(position));

Deno.test("cutSegment() takes what follows the checkpoint, and is not full below its limits", () => {
  assertEquals(cutSegment(STREAM, `${DAY}-1`, entries.slice(1), LIMITS), { entries: entries.slice(1), full: false });
});

Deno.test("cutSegment() ends at the count limit", () => {
  const cut = cutSegment(STREAM, "0-0", entries, { ...LIMITS, count: 3 });
  assertEquals(cut, { entries: entries.slice(0, 3), full: true });
});

Deno.test("cutSegment() ends at the byte limit, but takes a single entry that exceeds it", () => {
  assertEquals(cutSegment(STREAM, "0-0", entries, { ...LIMITS, bytes: 40 }), {
    entries: entries.slice(0, 2),
    full: true,
  });
  assertEquals(cutSegment(STREAM, "0-0", entries, { ...LIMITS, bytes: 1 }), {
    entries: entries.slice(0, 1),
    full: true,
  });
});

Deno.test("cutSegment() ends with the UTC day", async () => {
  const cut = cutSegment(STREAM, "0-0", [entry(1, DAY - 1), entry(2, DAY)], LIMITS);
  assertEquals([cut.entries.length, cut.full], [1, true]);
  assertEquals((await makeSegment(STREAM, cut.entries)).key.includes("/date=2025-12-31/"), true);
});

Deno.test("cutSegment() throws at a hole, at the front and inside", () => {
  assertThrows(() => cutSegment(STREAM, "0-0", entries.slice(1), LIMITS), GapError, "position 1 is missing");
  assertThrows(() => cutSegment(STREAM, "0-0", [entry(1), entry(3)], LIMITS), GapError, "position 2 is missing");
});

Deno.test("makeSegment() gives the same record for the same entries", async () => {
  const [a, b] = [await makeSegment(STREAM, entries), await makeSegment(STREAM, entries)];
  assertEquals(a.record, b.record);
  assertEquals(a.key, `stream=${STREAM}/date=2026-01-01/${DAY}-1_${DAY}-4.jsonl.gz`);
});
