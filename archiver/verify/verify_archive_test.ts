import { assertEquals } from "@std/assert";
import { MissingObjectError } from "../object_store.ts";
import { makeSegment } from "../segment_writer.ts";
import { DAY_1, DAY_MS, entriesOf, STREAM, type TestArchive, testArchive } from "../testdata/test_archive.ts";
import { verifyArchive } from "./verify_archive.ts";
import type { VerifiedStream } from "./verify_stream.ts";

/** Two days of 60 events each, 20 an object. */
async function twoDays(): Promise<TestArchive> {
  const archive = await testArchive();
  for (let first = 1; first <= 120; first += 20) await archive.put(part(first, first + 19));
  return archive;
}

const all = [...entriesOf(1, 60), ...entriesOf(61, 120, DAY_1 + DAY_MS)];
const part = (first: number, last: number) => all.slice(first - 1, last);
const keyOf = async (archive: TestArchive, first: number) =>
  (await archive.keys()).find((key) => key.includes(`-${first}_`))!;
const pathOf = async (archive: TestArchive, first: number) => `${archive.folder}/${await keyOf(archive, first)}`;

async function verify(archive: TestArchive, fromMs?: number): Promise<VerifiedStream> {
  const [verified] = await Array.fromAsync(verifyArchive({ store: archive.store, streams: [STREAM], fromMs }));
  return verified!;
}

/** What is planted into an archive of positions 1 to 120, 20 an object; and all that must be found. */
const planted: Record<string, readonly [plant: (archive: TestArchive) => Promise<unknown>, found: readonly string[]]> =
  {
    "a missing object": [
      async (archive) => archive.store.delete(await keyOf(archive, 41)),
      ["missing 41-60: 20 entries are in no object"],
    ],
    "a missing first object": [
      async (archive) => archive.store.delete(await keyOf(archive, 1)),
      ["missing 1-20: 20 entries are in no object"],
    ],
    "a truncated object": [async (archive) => {
      const path = await pathOf(archive, 21);
      await Deno.truncate(path, (await Deno.stat(path)).size - 9);
    }, ["damaged 21-40: it is not whole gzip"]],
    "a flipped byte": [async (archive) => {
      const path = await pathOf(archive, 101);
      const bytes = await Deno.readFile(path);
      bytes[bytes.length >> 1]! ^= 1;
      await Deno.writeFile(path, bytes);
    }, ["damaged 101-120: it is not whole gzip"]],
    "a line that lacks its payload": [async (archive) => {
      const { body } = await makeSegment(STREAM, part(21, 40).with(3, { ...part(24, 24)[0]!, payload: "" }));
      await Deno.writeFile(await pathOf(archive, 21), body);
    }, ["damaged 21-40: its line 4 is not that of an event"]],
    "a duplicate range with other content": [
      (archive) => archive.put(part(25, 30).map((entry) => ({ ...entry, payload: '{"widget_id":"thief"}' }))),
      ["duplicate 25-30: it lies within a longer object that holds other lines"],
    ],
    "a longer object with other content": [
      (archive) => archive.put(part(41, 60).concat().map((entry) => ({ ...entry, eventType: "Eaten" })).slice(0, 19)),
      ["duplicate 41-59: it lies within a longer object that holds other lines"],
    ],
    "an object that overlaps two others": [
      (archive) => archive.put(part(15, 30)),
      [
        "overlap 15-20: 6 entries are in an earlier object, too",
        "overlap 21-30: 10 entries are in an earlier object, too",
      ],
    ],
    "a copy under another day": [async (archive) => {
      const path = await pathOf(archive, 21);
      await Deno.mkdir(`${archive.folder}/stream=${STREAM}/date=2027-01-01`);
      await Deno.copyFile(path, path.replace("2026-01-01", "2027-01-01"));
    }, ["misplaced 21-40: it belongs under"]],
    "foreign objects": [async (archive) => {
      await Deno.writeTextFile(`${archive.folder}/stream=${STREAM}/date=2026-01-01/notes.txt`, "!");
      await Deno.writeTextFile(`${archive.folder}/stream=${STREAM}/README`, "!");
    }, ["foreign: it has not the name of a segment", "foreign: it has not the name of a segment"]],
  };

for (const [what, [plant, found]] of Object.entries(planted)) {
  Deno.test(`verifyArchive() finds ${what}, with its exact range`, async () => {
    await using archive = await twoDays();
    assertEquals((await verify(archive)).faultCount, 0);
    await plant(archive);
    const { faults, faultCount } = await verify(archive);
    const told = faults.map(({ kind, first, last, detail }) =>
      `${kind}${first === undefined ? "" : ` ${first}-${last}`}: ${detail.replace(/(belongs under) .*/, "$1")}`
    );
    assertEquals([told, faultCount], [found, found.length]);
  });
}

Deno.test("verifyArchive() finds an object whose metadata tell another count or SHA-256", async () => {
  await using archive = await twoDays();
  for (const [head, detail] of [[{ sha256: "0", count: 20 }, "its SHA-256 is not the recorded one"]] as const) {
    const get = async (key: string) => ({ ...await archive.store.get(key), ...(key.includes("-61_") ? { head } : {}) });
    const [verified] = await Array.fromAsync(verifyArchive({ store: { ...archive.store, get } }));
    assertEquals(verified?.faults.map((fault) => [fault.first, fault.detail]), [[61, detail]]);
  }
});

Deno.test("verifyArchive() tells what it has seen, also from a day on, and takes a half-done compaction for whole", async () => {
  await using archive = await twoDays();
  const { bytes, ...seen } = await verify(archive);
  const about = { stream: STREAM, compared: undefined, faultCount: 0, faults: [], last: all[119]!.entryId };
  assertEquals(seen, { ...about, days: 2, segments: 6, superseded: 0, events: 120, first: all[0]!.entryId });
  assertEquals(bytes > 500, true);
  await archive.put(part(1, 60));
  await archive.store.delete(await keyOf(archive, 21));
  const { bytes: _, ...half } = await verify(archive);
  assertEquals(half, { ...about, days: 2, segments: 4, superseded: 2, events: 120, first: all[0]!.entryId });
  await archive.store.delete((await archive.keys())[0]!);
  const { bytes: __, ...second } = await verify(archive, DAY_1 + DAY_MS);
  assertEquals(second, { ...about, days: 1, segments: 3, superseded: 0, events: 60, first: all[60]!.entryId });
});

Deno.test("verifyArchive() finds what is missing between the days before and the one that it begins with", async () => {
  await using archive = await twoDays();
  await archive.store.delete(await keyOf(archive, 61));
  assertEquals((await verify(archive, DAY_1 + DAY_MS)).faults.map(({ first, last }) => [first, last]), [[61, 80]]);
  // What has expired is not.
  for (const first of [1, 21, 41]) await archive.store.delete(await keyOf(archive, first));
  assertEquals((await verify(archive, DAY_1 + DAY_MS)).faults, []);
});

Deno.test("verifyArchive() does not take a compaction under way for a fault", async () => {
  await using archive = await twoDays();
  let merged = false;
  const get = async (key: string) => {
    if (key.includes("-81_") && !merged) {
      merged = true;
      await archive.put(part(61, 120));
      for (const first of [61, 81, 101]) {
        const gone = (await archive.keys()).find((key) =>
          key.includes(`-${first}_`) && !(first === 61 && key.includes("-120."))
        );
        await archive.store.delete(gone!);
      }
      throw new MissingObjectError("gone");
    }
    return await archive.store.get(key);
  };
  const [verified] = await Array.fromAsync(verifyArchive({ store: { ...archive.store, get } }));
  assertEquals([verified?.faults, verified?.last], [[], all[119]!.entryId]);
});
