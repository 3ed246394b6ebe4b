import { assertEquals } from "@std/assert";
import { type ArchivedSegment, listSegments, listStreams } from "./archived_segments.ts";
import { DAY_1, DAY_MS, entriesOf, STREAM, testArchive } from "./testdata/test_archive.ts";

const firstsOf = async (segments: AsyncIterable<ArchivedSegment>): Promise<(string | undefined)[]> =>
  (await Array.fromAsync(segments)).map(({ ids }) => ids?.first.split("-")[1]);

Deno.test("listSegments() goes by position, also within a day and a millisecond, with the longest of those first that begin alike", async () => {
  await using archive = await testArchive();
  const { store, put } = archive;
  const at = (first: number, last: number, ms = DAY_1) =>
    entriesOf(first, last).map((entry, i) => ({ ...entry, entryId: `${ms}-${first + i}` }));
  for (const entries of [at(10, 11), at(1, 8), at(12, 100, DAY_1 + DAY_MS), at(9, 9), at(1, 9)]) await put(entries);
  await Deno.writeTextFile(`${archive.folder}/stream=${STREAM}/date=2026-01-01/notes.txt`, "!");
  const listed = await Array.fromAsync(listSegments(store, STREAM));
  assertEquals(listed.map(({ ids }) => ids && [ids.first, ids.last].map((id) => Number(id.split("-")[1]))), [
    [1, 9],
    [1, 8],
    [9, 9],
    [10, 11],
    undefined,
    [12, 100],
  ]);
  assertEquals(listed.map(({ bytes }) => bytes > 0), listed.map(() => true));
  assertEquals(await firstsOf(listSegments(store, "stream:widgets")), []);
});

Deno.test("listSegments() begins near a time, and never behind the segment that holds it", async () => {
  await using archive = await testArchive();
  for (let minute = 0; minute < 24 * 60; minute += 60) {
    await archive.put(entriesOf(minute + 1, minute + 60, DAY_1 + minute * 60_000));
  }
  const from = (ms: number) => firstsOf(listSegments(archive.store, STREAM, { fromMs: DAY_1 + ms }));
  assertEquals((await from(0)).length, 24);
  const noon = 12 * 3_600_000;
  assertEquals((await from(noon + 5 * 60_000))[0], "721"); // The one that begins at 12:00.
  assertEquals((await from(noon + 30 * 60_000))[0], "601"); // Found three hours before.
  assertEquals((await from(DAY_MS)).length, 0);
  assertEquals((await from(-5 * DAY_MS)).length, 24);
});

Deno.test("listStreams() names each stream with one listing", async () => {
  await using archive = await testArchive();
  const names = ["stream:a:events", "stream:a:b:events", "stream:z:events"];
  for (const name of names) {
    for (const day of [0, 1, 2]) await archive.put(entriesOf(1, 2, DAY_1 + day * DAY_MS, name));
  }
  await Deno.writeTextFile(`${archive.folder}/README.txt`, "!");
  await Deno.writeTextFile(`${archive.folder}/stream=notes.txt`, "!");
  await Deno.writeTextFile(`${archive.folder}/zoo.txt`, "!");
  assertEquals(await Array.fromAsync(listStreams(archive.store)), [...names].sort());
  assertEquals(archive.asked.lists, 5);
});
