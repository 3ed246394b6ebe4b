import { acquireLease } from "@events-pipeline/common/lease";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assertEquals, assertRejects } from "@std/assert";
import type { ObjectStore } from "../object_store.ts";
import { smallObjects } from "../testdata/compacted.ts";
import { DAY_1, DAY_MS, entriesOf, range } from "../testdata/test_archive.ts";
import { CompactionRunningError, compactStream, NotCompactableError } from "./compact_stream.ts";

/** The ranges of positions of the objects that an archive has. */
const rangesOf = (keys: readonly string[]) =>
  keys.map((key) => /-(\d+)_\d+-(\d+)\.jsonl\.gz$/.exec(key)!.slice(1).join("-"));

Deno.test("compactStream() merges the objects of each day that is over, as the target says, and nothing changes for readers", async () => {
  await using small = await smallObjects();
  const { archive, pipeline: { sql, stream } } = small;
  const options = { sql, store: archive.store, stream };
  const once = await compactStream({ ...options, date: "2026-01-01" });
  assertEquals(once, { merged: 6, into: 1, superseded: 0, days: 1 });
  assertEquals(rangesOf(await archive.keys()), ["1-60", "61-70", "71-80", "81-90", "91-100", "101-110", "111-120"]);
  const [, second] = await Array.fromAsync(archive.store.list(""));
  const targetBytes = 2 * second!.bytes + 60;
  assertEquals((await compactStream({ ...options, targetBytes })).into, 3);
  assertEquals(rangesOf(await archive.keys()), ["1-60", "61-80", "81-100", "101-120"]);
  assertEquals(await compactStream({ ...options, targetBytes }), { merged: 0, into: 0, superseded: 0, days: 2 });
  assertEquals([await small.positions(), (await small.verify()).faults], [range(1, 120), []]);
});

Deno.test("compactStream() leaves the day alone that is not over, and what the archiver has not finished", async () => {
  await using small = await smallObjects();
  const { archive, pipeline: { sql, stream } } = small;
  const options = { sql, store: archive.store, stream };
  const now = () => DAY_1 + 2 * DAY_MS + 60_000;
  assertEquals((await compactStream({ ...options, now })).days, 1);
  assertEquals(rangesOf(await archive.keys()).slice(0, 2), ["1-60", "61-70"]);
  // The archiver has put 111 to 120, and its checkpoint has not moved.
  await sql`UPDATE events.stream_lease SET checkpoint = ${`${DAY_1 + DAY_MS + 110_000}-110`},
            pending_segment = ${
    JSON.stringify({ first: `${DAY_1 + DAY_MS + 111_000}-111`, last: `${DAY_1 + DAY_MS + 120_000}-120` })
  }::text::json
            WHERE role = 'archiver'`;
  await compactStream(options);
  assertEquals(rangesOf(await archive.keys()), ["1-60", "61-110", "111-120"]);
});

Deno.test("compactStream() that ends at any point leaves a whole archive, which the next one finishes", async () => {
  await using pipeline = await testPipeline();
  let ended = false;
  for (let point = 1; !ended; point++) {
    await using small = await smallObjects(30, pipeline);
    const { archive } = small;
    const { sql, stream } = pipeline;
    let left = point;
    const die = <T>(act: () => Promise<T>): Promise<T> =>
      left > 0 && --left > 0 ? act() : Promise.reject(new Error("killed"));
    const { store } = archive;
    const dying: ObjectStore = {
      ...store,
      get: (key) => die(() => store.get(key)),
      put: (...object) => die(() => store.put(...object)),
      delete: (key) => die(() => store.delete(key)),
    };
    ended = await compactStream({ sql, store: dying, stream }).then(() => true, (error) => {
      if (error.message !== "killed") throw error;
      return false;
    });
    const between = await small.verify();
    assertEquals([point, between.faults, await small.positions()], [point, [], range(1, 120)]);
    await compactStream({ sql, store, stream });
    const after = await small.verify();
    assertEquals([point, after.faults, after.superseded], [point, [], 0]);
    assertEquals([point, rangesOf(await archive.keys())], [point, ["1-60", "61-120"]]);
    assertEquals(await small.positions(), range(1, 120));
  }
});

Deno.test("compactStream() is done by one process at a time", async () => {
  await using small = await smallObjects();
  const { archive, pipeline: { sql, stream } } = small;
  const ends = await Promise.allSettled(
    range(1, 3).map(() => compactStream({ sql, store: archive.store, stream, leaseMs: 5_000 })),
  );
  const refused = ends.filter((end) => end.status === "rejected").map(({ reason }) => reason);
  assertEquals(refused.every((error) => error instanceof CompactionRunningError), true, String(refused));
  assertEquals(rangesOf(await archive.keys()), ["1-60", "61-120"]);
  assertEquals((await small.verify()).faults, []);
});

Deno.test("compactStream() that was paused past its lease does no harm to the one that took over", async () => {
  await using small = await smallObjects();
  const { archive, pipeline: { sql, stream } } = small;
  const { store } = archive;
  const paused: ObjectStore = {
    ...store,
    async put(...object) {
      await sql`UPDATE events.stream_lease SET lease_until = NULL WHERE role = 'compactor'`;
      await compactStream({ sql, store, stream, targetBytes: 1e6 }); // All of it happens in between.
      return await store.put(...object);
    },
  };
  await assertRejects(() => compactStream({ sql, store: paused, stream }), Error, "another owner has taken the lease");
  assertEquals([(await small.verify()).faults, await small.positions()], [[], range(1, 120)]);
  await compactStream({ sql, store, stream });
  assertEquals([rangesOf(await archive.keys()), (await small.verify()).faults], [["1-60", "61-120"], []]);
});

Deno.test("compactStream() touches nothing where the archive was changed by hand", async () => {
  await using small = await smallObjects();
  const { archive, pipeline: { sql, stream } } = small;
  const others = entriesOf(15, 18, DAY_1 + 15_000, stream).map((entry) => ({ ...entry, payload: "{}" }));
  await archive.put(others);
  const before = await archive.keys();
  const compact = () => compactStream({ sql, store: archive.store, stream });
  await assertRejects(compact, NotCompactableError, "holds other lines");
  assertEquals(await archive.keys(), before);
  await archive.store.delete(before.find((key) => key.includes("-15_"))!);
  await archive.put(entriesOf(15, 25, DAY_1 + 15_000, stream));
  await assertRejects(compact, NotCompactableError, "overlaps");
  assertEquals((await archive.keys()).length, before.length);
  // What was lost stays a gap, and is not merged over.
  for (const key of await archive.keys()) if (/-(?:15|21)_/.test(key)) await archive.store.delete(key);
  await compact();
  assertEquals(rangesOf(await archive.keys()), ["1-20", "31-60", "61-120"]);
  await acquireLease(sql, { stream, role: "compactor" }, { ownerId: "other", leaseMs: 60_000 });
  await assertRejects(compact, CompactionRunningError);
});
