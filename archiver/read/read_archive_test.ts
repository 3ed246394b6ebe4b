import type { Entry } from "@events-pipeline/common";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { MissingObjectError } from "../object_store.ts";
import {
  DAY_1,
  DAY_MS,
  entriesOf,
  positionsIn,
  range,
  STREAM,
  type TestArchive,
  testArchive,
} from "../testdata/test_archive.ts";
import { ArchiveGapError, archivePages, type ArchiveRange, readArchive } from "./read_archive.ts";

/** Three days of 100 entries each, ten an object. */
async function threeDays(): Promise<TestArchive> {
  const archive = await testArchive();
  for (let day = 0; day < 3; day++) {
    for (let first = 1; first <= 100; first += 10) {
      await archive.put(entriesOf(day * 100 + first, day * 100 + first + 9, DAY_1 + day * DAY_MS + first * 3_600));
    }
  }
  return archive;
}

const idAt = async (archive: TestArchive, position: number): Promise<string> =>
  (await Array.fromAsync(readArchive({ archive: archive.store, stream: STREAM })))[position - 1]!.entryId;

const read = async (archive: TestArchive, options: ArchiveRange = {}): Promise<number[]> =>
  positionsIn(await Array.fromAsync(readArchive({ archive: archive.url, stream: STREAM, ...options })));

Deno.test("readArchive() reads a range by entry ids or times, and all of it by default", async () => {
  await using archive = await threeDays();
  assertEquals(await read(archive), range(1, 300));
  assertEquals(
    await read(archive, { after: await idAt(archive, 95), until: await idAt(archive, 205) }),
    range(96, 205),
  );
  assertEquals(
    await read(archive, { after: new Date(DAY_1 + DAY_MS), until: new Date(DAY_1 + 2 * DAY_MS) }),
    range(101, 200),
  );
  assertEquals(await read(archive, { after: "0-0", until: new Date(DAY_1 + 4_601) }), [1, 2]);
  assertEquals(await read(archive, { after: await idAt(archive, 300) }), []);
  assertEquals(await read(archive, { after: new Date(DAY_1 + 9 * DAY_MS) }), []);
});

Deno.test("readArchive() reads only the objects of its range, wherever that is", async () => {
  await using archive = await threeDays();
  const [after, until] = [await idAt(archive, 249), await idAt(archive, 262)];
  archive.asked.gets = [];
  const entries = await Array.fromAsync(readArchive({ archive: archive.store, stream: STREAM, after, until }));
  assertEquals(positionsIn(entries), range(250, 262));
  assertEquals(archive.asked.gets.map((key) => /-(\d+)_/.exec(key)![1]), ["241", "251", "261"]);
});

Deno.test("readArchive() stops at a hole, in front of the first entry too", async () => {
  await using archive = await threeDays();
  const gone = (await archive.keys()).find((key) => key.includes("-151_"))!;
  const after = await idAt(archive, 120);
  await archive.store.delete(gone);
  const seen: Entry[] = [];
  await assertRejects(
    async () => {
      for await (const entry of readArchive({ archive: archive.url, stream: STREAM, after })) seen.push(entry);
    },
    ArchiveGapError,
    "positions 151 to 160 are missing before entry",
  );
  assertEquals(positionsIn(seen), range(121, 150));
  await assertRejects(() => read(archive, { after: after.replace(/\d+$/, "152") }), ArchiveGapError);
});

Deno.test("readArchive() passes over what a longer object has superseded", async () => {
  await using archive = await threeDays();
  const all = await Array.fromAsync(readArchive({ archive: archive.url, stream: STREAM }));
  await archive.put(all.slice(100, 200));
  assertEquals(await read(archive), range(1, 300));
  assertEquals(await read(archive, { after: all[154]!.entryId }), range(156, 300));
});

Deno.test("readArchive() does not notice that objects are merged while it reads, and tells of one that is gone for good", async () => {
  await using archive = await threeDays();
  const all = await Array.fromAsync(readArchive({ archive: archive.url, stream: STREAM }));
  const merge = async () => {
    await archive.put(all.slice(200, 300));
    for (const key of await archive.keys()) {
      if (/-2\d1_/.test(key) && !key.includes("-300.")) await archive.store.delete(key);
    }
  };
  for (const at of [150, 205, 250]) {
    const seen: Entry[] = [];
    for await (const page of archivePages(archive.store, STREAM)) {
      seen.push(...page);
      if (seen.length >= at && seen.length - page.length < at) await merge();
    }
    assertEquals(positionsIn(seen), range(1, 300));
    for (let first = 201; first <= 300; first += 10) await archive.put(all.slice(first - 1, first + 9));
    await archive.store.delete((await archive.keys()).find((key) => key.includes("-201_") && key.includes("-300."))!);
  }
  const get = (key: string) =>
    key.includes("-31_") ? Promise.reject(new MissingObjectError("gone")) : archive.store.get(key);
  await assertRejects(
    () => Array.fromAsync(archivePages({ ...archive.store, get }, STREAM)),
    MissingObjectError,
  );
});

Deno.test("readArchive() ends with its signal", async () => {
  await using archive = await threeDays();
  const stop = new AbortController();
  const seen: Entry[] = [];
  await assertRejects(
    async () => {
      for await (const entry of readArchive({ archive: archive.url, stream: STREAM, signal: stop.signal })) {
        seen.push(entry);
        if (seen.length === 10) stop.abort(new Error("enough"));
      }
    },
    Error,
    "enough",
  );
  assert(seen.length < 30);
});
