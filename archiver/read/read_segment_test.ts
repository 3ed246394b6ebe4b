import { assertEquals, assertRejects } from "@std/assert";
import type { ArchivedSegment } from "../archived_segments.ts";
import type { StoredObject } from "../object_store.ts";
import { makeSegment } from "../segment_writer.ts";
import { DAY_1, entriesOf, STREAM, testArchive } from "../testdata/test_archive.ts";
import { readSegment, segmentPages } from "./read_segment.ts";
import { DamagedSegmentError } from "./scan_segment.ts";

const entries = entriesOf(1, 3);
const { key, body, record } = await makeSegment(STREAM, entries);
const listed: ArchivedSegment = { key, bytes: body.length, ids: { first: record.first, last: record.last } };

/** Reads an object that is not what it should be. */
async function reading(segment: ArchivedSegment, changed: Partial<StoredObject>): Promise<unknown> {
  await using archive = await testArchive();
  const get = () => Promise.resolve({ body: new Uint8Array(body), head: record, ...changed });
  return await readSegment({ ...archive.store, get }, STREAM, segment);
}

async function gzip(text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(
    await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
  );
}

Deno.test("readSegment() gives what was put, also of lines that come in many pieces", async () => {
  await using archive = await testArchive();
  const large = entriesOf(1, 12).map((entry, i) => ({ ...entry, payload: `{"text":"${"ż".repeat(i * 15_000)}"}` }));
  const segment = await makeSegment(STREAM, large);
  await archive.store.put(segment.key, segment.body, segment.record);
  const { first, last } = segment.record;
  assertEquals(
    await readSegment(archive.store, STREAM, { key: segment.key, bytes: 0, ids: { first, last } }),
    large,
  );
});

Deno.test("readSegment() says what is wrong with an object, and gives nothing of it", async () => {
  const fails = async (message: string, changed: Partial<StoredObject>, segment: ArchivedSegment = listed) =>
    void await assertRejects(() => reading(segment, changed), DamagedSegmentError, message);
  assertEquals(await reading(listed, {}), entries);
  await fails("it has not the name of a segment", {}, { ...listed, ids: undefined });
  await fails(`it belongs under ${key}`, {}, { ...listed, key: key.replace("2026", "2027") });
  await fails("it is not whole gzip", { body: new Uint8Array(body.slice(0, -5)) });
  await fails("its SHA-256 is not the recorded one", { head: { sha256: "0", count: 3 } });
  await fails("it holds 3 entries, and 4 are recorded", { head: { ...record, count: 4 } });
  const others = async (message: string, made: Promise<{ body: Uint8Array }>) =>
    await fails(message, { body: new Uint8Array((await made).body), head: undefined });
  await others("it holds 2 of 3 entries", makeSegment(STREAM, entries.slice(0, 2)));
  await others("where position 2 belongs", makeSegment(STREAM, [entries[0]!, entries[2]!, entries[1]!]));
  const early = { ...entries[1]!, entryId: `${DAY_1 - 1}-2` };
  await others("where position 2 belongs", makeSegment(STREAM, entries.with(1, early)));
  const elsewhere = "stream:b:events";
  await others("entries of another stream", makeSegment(elsewhere, entriesOf(1, 3, DAY_1, elsewhere)));
  await fails("its line 1 is not that of an event", { body: await gzip("{}\n") });
  await fails("its last line has no end", { body: await gzip("{}") });
});

Deno.test("segmentPages() gives none of a large segment's entries before all of it is proved", async () => {
  const large = entriesOf(1, 30).map((entry) => ({ ...entry, payload: `{"text":"${"x".repeat(600_000)}"}` }));
  const segment = await makeSegment(STREAM, large);
  const ids = { first: segment.record.first, last: segment.record.last };
  const pages = (sha256: string) =>
    segmentPages(
      {
        get: () => Promise.resolve({ body: new Uint8Array(segment.body), head: { count: 30, sha256 } }),
      } as unknown as Parameters<typeof segmentPages>[0],
      STREAM,
      { key: segment.key, bytes: 0, ids },
    );
  const read = (await Array.fromAsync(pages(segment.record.sha256))).flatMap((page) => page.entries);
  assertEquals(read.map(({ entryId }) => entryId), large.map(({ entryId }) => entryId));
  await assertRejects(() => pages("0").next(), DamagedSegmentError, "SHA-256");
});
