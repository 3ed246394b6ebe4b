import { type Entry, fromJsonLine } from "@events-pipeline/common";
import { assert, assertEquals } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { cutPage } from "./archive_stream.ts";
import { sha256Hex } from "./segment.ts";
import { makeSegment, SegmentWriter } from "./segment_writer.ts";

const STREAM = "stream:widgets:events";
const DAY = Date.UTC(2026, 0, 1);

function entry(position: number, ms: number = DAY, payload: string = '{"widget_id":"w1"}'): Entry {
  return {
    entryId: `${ms}-${position}`,
    eventId: "019a2f6e-0000-7000-8000-000000000000",
    stream: STREAM,
    eventType: 'Widget "Created"',
    time: new Date(ms).toISOString(),
    metadata: "{}",
    payload,
  };
}

const entries = [1, 2, 3, 4].map((position) => entry(position));

Deno.test("SegmentWriter gives the lines that it was given, gzipped, whatever the pieces, and their record", async () => {
  const writer = new SegmentWriter(STREAM, 1);
  for (const piece of [entries.slice(0, 1), [], entries.slice(1)]) await writer.add(piece);
  const { body, key, record } = await writer.finish();
  const lines = new Uint8Array(gunzipSync(body));
  const text = new TextDecoder().decode(lines);
  assertEquals(text.trimEnd().split("\n").map(fromJsonLine), entries);
  assertEquals(key, `stream=${STREAM}/date=2026-01-01/${DAY}-1_${DAY}-4.jsonl.gz`);
  assertEquals(record, {
    ...{ first: `${DAY}-1`, last: `${DAY}-4`, count: 4, sha256: await sha256Hex(lines) },
    ...{ contentType: "application/x-ndjson", contentEncoding: "gzip" },
  });
  assertEquals((await makeSegment(STREAM, entries)).record, record);
});

Deno.test("SegmentWriter waits for its compression, and takes no more than that", async () => {
  const writer = new SegmentWriter(STREAM);
  const page = Array.from({ length: 64 }, (_, i) => entry(i + 1, DAY, JSON.stringify("é".repeat(16_384))));
  for (let i = 0; i < 8; i++) await writer.add(page);
  const { body, record } = await writer.finish();
  assertEquals(record.count, 512);
  assert(gunzipSync(body).length > 512 * 32_768);
});

Deno.test("cutPage() ends a segment with its room and with its day, but takes a single entry that is too large", () => {
  const size = entries[0]!.payload.length + 2;
  assertEquals(cutPage(entries, `${DAY}-1`, 3 * size, true), 3);
  assertEquals(cutPage(entries, `${DAY}-1`, 1, true), 1);
  assertEquals(cutPage(entries, `${DAY}-1`, 1, false), 0);
  assertEquals(cutPage(entries, `${DAY - 1}-1`, 1e6, false), 0);
  assertEquals(cutPage([entry(1, DAY - 1), entry(2, DAY)], `${DAY - 1}-1`, 1e6, true), 1);
});
