import type { Entry } from "@events-pipeline/common";
import { assertEquals, assertRejects } from "@std/assert";
import { pathToFileURL } from "node:url";
import { type ArchivedSegment, DamagedSegmentError, listSegments, readSegment } from "./archived_segments.ts";
import type { ObjectStore } from "./object_store.ts";
import { openStore } from "./open_store.ts";
import { makeSegment } from "./segment_writer.ts";

const STREAM = "stream:widgets:events";
const DAY = Date.UTC(2026, 0, 1);

function entries(first: number, last: number, ms = DAY): Entry[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    entryId: `${ms}-${first + i}`,
    eventId: crypto.randomUUID(),
    stream: STREAM,
    eventType: "WidgetCreated",
    time: new Date(ms).toISOString(),
    metadata: "{}",
    payload: `{"widget_id":"w${first + i}"}`,
  }));
}

async function withStore(work: (store: ObjectStore, put: (entries: Entry[]) => Promise<void>) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    const store = await openStore(pathToFileURL(folder).href);
    await work(store, async (entries) => {
      const { key, body, record } = await makeSegment(STREAM, entries);
      await store.put(key, body, record);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("listSegments() goes by position, also within a day and a millisecond, and readSegment() gives what was put", async () => {
  await withStore(async (store, put) => {
    const segments = [entries(1, 8), entries(9, 9), entries(10, 11), entries(12, 100, DAY + 86_400_000)];
    for (const segment of segments.toReversed()) await put(segment);
    const listed = await Array.fromAsync(listSegments(store, STREAM));
    assertEquals(await Promise.all(listed.map((segment) => readSegment(store, STREAM, segment))), segments);
    assertEquals(await Array.fromAsync(listSegments(store, "stream:widgets")), []);
  });
});

Deno.test("readSegment() says what is wrong with an object", async () => {
  await withStore(async (store) => {
    const segment = await makeSegment(STREAM, entries(1, 3));
    const ids = { first: segment.record.first, last: segment.record.last };
    const reading = async (listed: ArchivedSegment, changed: Partial<Awaited<ReturnType<ObjectStore["get"]>>>) => {
      const body = new Uint8Array(segment.body);
      const get = () => Promise.resolve({ body, head: segment.record, ...changed });
      return await readSegment({ ...store, get }, STREAM, listed);
    };
    const fails = async (listed: ArchivedSegment, message: string, changed = {}) =>
      void await assertRejects(() => reading(listed, changed), DamagedSegmentError, message);
    const listed = { key: segment.key, ids };
    assertEquals((await reading(listed, {})).length, 3);
    await fails({ key: "stream=x/notes.txt", ids: undefined }, "it has not the name of a segment");
    await fails({ key: segment.key.replace("2026", "2027"), ids }, `it belongs under ${segment.key}`);
    await fails(listed, "it is not whole gzip", { body: new Uint8Array(segment.body.slice(0, -5)) });
    await fails(listed, "its SHA-256 is not the recorded one", { head: { sha256: "0", count: 3 } });
    const other = await makeSegment(STREAM, entries(1, 2));
    await fails(listed, "it holds 2 of 3 entries", { body: other.body, head: undefined });
    const foreign = await makeSegment(
      "stream:b:events",
      entries(1, 3).map((e) => ({ ...e, stream: "stream:b:events" })),
    );
    await fails(listed, "it holds entries of another stream", { body: foreign.body, head: undefined });
  });
});
