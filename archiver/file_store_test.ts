import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { openFileStore } from "./file_store.ts";
import { gunzipSync, gzipSync } from "node:zlib";
import { MissingObjectError, OtherObjectError } from "./object_store.ts";
import { sha256Hex } from "./segment.ts";

Deno.test("put() keeps an object whole, takes the same one again for done, and writes over none", async () => {
  const folder = await Deno.makeTempDir({ prefix: "file store " });
  try {
    const store = openFileStore(`${folder}/new`);
    const key = "stream=stream:a:events/date=2026-01-01/1-1_2-2.jsonl.gz";
    const lines = new TextEncoder().encode("one\n");
    const head = { sha256: await sha256Hex(lines), count: 1 };
    for (const level of [1, 9]) await store.put(key, gzipSync(lines, { level }), head);
    const other = { ...head, sha256: "00" };
    await assertRejects(() => store.put(key, gzipSync("two\n"), other), OtherObjectError, head.sha256);
    assertEquals(gunzipSync((await store.get(key)).body).toString(), "one\n");
    const at = `${folder}/new/stream=stream:a:events/date=2026-01-01`;
    assertEquals((await Array.fromAsync(Deno.readDir(at))).map(({ name }) => name), ["1-1_2-2.jsonl.gz"]);
    await Deno.writeTextFile(`${at}/3-3_3-3.jsonl.gz`, "no gzip");
    await assertRejects(() => store.put(key.replace("1-1_2-2", "3-3_3-3"), gzipSync(lines), head), OtherObjectError);
    store.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("list() names the objects below a folder in the order of their keys, and none that is still being written", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = openFileStore(folder);
    const keys = ["a/1", "a/b/1", "a/b.c", "a/b/2", "b/1"];
    for (const key of keys) await store.put(key, new TextEncoder().encode(key), { sha256: "00", count: 1 });
    await Deno.writeTextFile(`${folder}/a/2.tmp`, "half");
    const listed = async (below: string, after?: string) =>
      (await Array.fromAsync(store.list(below, after === undefined ? {} : { after }))).map(({ key }) => key);
    assertEquals(await listed("a/"), keys.slice(0, 4).sort());
    assertEquals(await listed("nowhere/"), []);
    const all = [...keys].sort();
    assertEquals(await listed(""), all);
    for (const [i, key] of all.entries()) assertEquals(await listed("", key), all.slice(i + 1));
    assertEquals(await listed("", "a/b/"), ["a/b/1", "a/b/2", "b/1"]);
    const [first] = await Array.fromAsync(store.list("b/"));
    assertEquals([first?.key, first?.bytes], ["b/1", 3]);
    assertAlmostEquals(first!.writtenAt!.getTime(), Date.now(), 600_000);
    await store.delete("b/1");
    await store.delete("b/1");
    assertEquals(await listed("b/"), []);
    assertEquals(new TextDecoder().decode((await store.get("a/b/2")).body), "a/b/2");
    await assertRejects(() => store.get("a/9"), MissingObjectError, "ENOENT");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
