import { assertEquals } from "@std/assert";
import { openFileStore } from "./file_store.ts";

Deno.test("put() keeps an object whole, and putting it again changes nothing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "file store " });
  try {
    const store = openFileStore(`${folder}/new`);
    const key = "stream=stream:a:events/date=2026-01-01/1-1_2-2.jsonl.gz";
    for (let i = 0; i < 2; i++) await store.put(key, new TextEncoder().encode("one"), { sha256: "00", count: 1 });
    assertEquals(await Deno.readTextFile(`${folder}/new/${key}`), "one");
    const names = await Array.fromAsync(Deno.readDir(`${folder}/new/stream=stream:a:events/date=2026-01-01`));
    assertEquals(names.map(({ name }) => name), ["1-1_2-2.jsonl.gz"]);
    store.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
