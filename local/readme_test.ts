import { assert, assertEquals } from "@std/assert";
import { resolve } from "node:path";
import { runTask } from "./daemon_process.ts";

const root = resolve(import.meta.dirname!, "..");
const read = (path: string): Promise<string> => Deno.readTextFile(resolve(root, path));

for (const [readme, count] of [["README.md", 4], ["consumer/README.md", 1]] as const) {
  Deno.test(`${readme} shows code as the tests run it`, async () => {
    const snippets = [...(await read(readme)).matchAll(/In\s`([\w/.]+)`[.:][^]*?```ts ignore\n([^]*?)```/g)];
    assertEquals(snippets.length, count);
    for (const [, file, code] of snippets) {
      assert((await read(file!)).includes(code!.trimEnd()), `${readme} and ${file} differ`);
    }
  });
}

for (
  const [task, readme] of [
    ["publisher", "publisher/README.md"],
    ["consume", "consumer/README.md"],
    ["archive", "archiver/README.md"],
    ["check-compat", "compat/README.md"],
  ] as const
) {
  Deno.test(`${readme} shows what deno task ${task} --help prints`, async () => {
    const { stdout } = await runTask(task, { args: ["--help"], environment: {} });
    assert((await read(readme)).includes(stdout.trim()));
  });
}

Deno.test("ARCHITECTURE.md names files that exist, and each file of publisher, consumer, archiver and compat", async () => {
  const text = await read("ARCHITECTURE.md");
  const there = new Set<string>();
  const inside = [
    "consumer/canary",
    "consumer/control",
    "consumer/isolation",
    "consumer/testing",
    "archiver/read",
    "archiver/verify",
    "archiver/compact",
    "archiver/tools",
    "cli/replay",
    "cli/status",
    "cli/trace",
    "console",
    "console/pages",
    "compat",
    "compat/rules",
  ];
  for (
    const member of ["common", "producer", "publisher", "consumer", ...inside, "archiver", "checker", "local", "ops"]
  ) {
    for await (const { name } of Deno.readDir(resolve(root, member))) there.add(name);
  }
  const named = new Set([...text.matchAll(/(\w+\.ts)`/g)].map(([, name]) => name!));
  assertEquals([...named.difference(there)], []);
  const everywhere = ["main.ts", "mod.ts", "config.ts", "migrations.ts"];
  for (const member of ["publisher", "consumer", ...inside, "archiver"]) {
    for await (const { name } of Deno.readDir(resolve(root, member))) {
      if (!name.endsWith(".ts") || name.endsWith("_test.ts") || everywhere.includes(name)) continue;
      assert(named.has(name), `ARCHITECTURE.md does not name ${member}/${name}`);
    }
  }
});
