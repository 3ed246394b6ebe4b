import { assert, assertEquals } from "@std/assert";
import { resolve } from "node:path";

const root = resolve(import.meta.dirname!, "..");
const read = (path: string): Promise<string> => Deno.readTextFile(resolve(root, path));

Deno.test("README.md shows the tutorial's code as the demo runs it", async () => {
  const snippets = [...(await read("README.md")).matchAll(/In `([\w/.]+)`\.[^]*?```ts ignore\n([^]*?)```/g)];
  assertEquals(snippets.length, 4);
  for (const [, file, code] of snippets) {
    assert((await read(file!)).includes(code!.trimEnd()), `README.md and ${file} differ`);
  }
});
