import { assert, assertEquals } from "@std/assert";
import { resolve } from "node:path";
import { runTask } from "./daemon_process.ts";

const root = resolve(import.meta.dirname!, "..");
const read = (path: string): Promise<string> => Deno.readTextFile(resolve(root, path));

Deno.test("README.md shows the tutorial's code as the demo runs it", async () => {
  const snippets = [...(await read("README.md")).matchAll(/In `([\w/.]+)`\.[^]*?```ts ignore\n([^]*?)```/g)];
  assertEquals(snippets.length, 4);
  for (const [, file, code] of snippets) {
    assert((await read(file!)).includes(code!.trimEnd()), `README.md and ${file} differ`);
  }
});

Deno.test("publisher/README.md shows what deno task publisher --help prints", async () => {
  const { stdout } = await runTask("publisher", { args: ["--help"], environment: {} });
  assert((await read("publisher/README.md")).includes(stdout.trim()));
});

Deno.test("ARCHITECTURE.md names files that exist, and each file of the publisher", async () => {
  const text = await read("ARCHITECTURE.md");
  const there = new Set<string>();
  for (const member of ["common", "producer", "publisher", "consumer", "archiver", "checker", "local"]) {
    for await (const { name } of Deno.readDir(resolve(root, member))) there.add(name);
  }
  const named = new Set([...text.matchAll(/(\w+\.ts)`/g)].map(([, name]) => name!));
  assertEquals([...named.difference(there)], []);
  const everywhere = ["main.ts", "mod.ts", "config.ts", "migrations.ts"];
  for await (const { name } of Deno.readDir(resolve(root, "publisher"))) {
    if (!name.endsWith(".ts") || name.endsWith("_test.ts") || everywhere.includes(name)) continue;
    assert(named.has(name), `ARCHITECTURE.md does not name publisher/${name}`);
  }
});
