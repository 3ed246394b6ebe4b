import { until } from "@events-pipeline/local/until";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { git, schemaModule, ScratchRepository } from "./testdata/scratch_repository.ts";

const SCHEMAS = "common/schemas/mod.ts";
const orders = (fields = "  order_id: z.string(),"): Record<string, string> => ({
  [SCHEMAS]: schemaModule({ OrderPlaced: fields }),
});
const narrower = orders("  order_id: z.string().max(10),");

/** A repository with one commit that has schemas, and a checkout in which they are narrower. */
async function changedRepository(): Promise<ScratchRepository> {
  const repository = await ScratchRepository.make();
  await repository.commit("schemas", orders());
  await repository.write(narrower);
  return repository;
}

/** All files of a folder with their contents' hashes, the folder `.git` included. */
async function fingerprint(folder: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const visit = async (path: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(path)) {
      const entry = join(path, name);
      if (isDirectory) await visit(entry);
      else {
        const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await Deno.readFile(entry)));
        lines.push(`${entry} ${hash.toHex()} ${(await Deno.stat(entry)).mtime?.getTime()}`);
      }
    }
  };
  await visit(folder);
  return lines.sort();
}

/** The programs in temporary folders of checks of a repository: others may be under way on this machine. */
async function programsOf(repository: ScratchRepository): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/tmp")) {
    if (!name.startsWith("check_compat_")) continue;
    for (const file of await Array.fromAsync(Deno.readDir(`/tmp/${name}`)).catch(() => [])) {
      const text = await Deno.readTextFile(`/tmp/${name}/${file.name}`).catch(() => "");
      if (text.includes(repository.folder)) found.push(`/tmp/${name}/${file.name}`);
    }
  }
  return found;
}

Deno.test("check-compat touches neither the checkout nor git's index, and leaves nothing behind", async () => {
  await using repository = await changedRepository();
  const { imports } = JSON.parse(await Deno.readTextFile(join(repository.folder, "deno.json")));
  const config = { imports, lock: { frozen: true }, vendor: true, nodeModulesDir: "auto" };
  await repository.write({
    ...{ "staged.txt": "staged", "README.md": "changed", "deno.json": JSON.stringify(config) },
    "deno.lock": JSON.stringify({ version: "5", specifiers: {} }),
  });
  await repository.git("add", "staged.txt");
  const before = await fingerprint(repository.folder);
  const { code, stdout } = await repository.check(["--base", "HEAD"]);
  assertEquals(code, 1);
  assertStringIncludes(stdout, "BREAKING length-tightened: OrderPlaced.order_id  common/schemas/mod.ts:6\n");
  assertEquals(await fingerprint(repository.folder), before);
  assertEquals(await programsOf(repository), []);
});

Deno.test("check-compat says what to do where there is no git, no commit, no base, or too little history", async () => {
  const folder = await Deno.makeTempDir({ prefix: "compat_test_" });
  const plain = new ScratchRepository(folder);
  await plain.write(orders());
  const withoutGit = await plain.check([]);
  assertEquals([withoutGit.code, withoutGit.stdout], [2, ""]);
  assertMatch(
    withoutGit.stderr,
    /: Cannot find a base: .* is in no checkout of git\. Run it in a clone of the repository/,
  );
  await Deno.remove(folder, { recursive: true });

  await using repository = await ScratchRepository.make();
  await repository.write(orders());
  const withoutCommit = await repository.check([]);
  assertEquals(withoutCommit.code, 2);
  assertStringIncludes(
    withoutCommit.stderr,
    "Cannot find the base 'origin/main': the repository has no commit yet. Make the first one",
  );
  await repository.commit("schemas");
  const withoutRemote = await repository.check([]);
  assertEquals(withoutRemote.code, 2);
  assertMatch(
    withoutRemote.stderr,
    /'origin\/main': git knows no such revision\. Name another one with --base, such as --base main .*no remote/,
  );
  const json = await repository.check(["--base", "nowhere", "--format", "json"]);
  assertEquals([json.code, JSON.parse(json.stdout).verdict], [2, "failed"]);
  const github = await repository.check(["--base", "nowhere", "--format", "github"]);
  assertMatch(github.stdout, /^::error title=check-compat::Cannot find the base 'nowhere'/);

  await repository.commit("more", { "README.md": "More\n" });
  const clone = new ScratchRepository(await Deno.makeTempDir({ prefix: "compat_test_" }));
  try {
    await git(
      "/",
      "clone",
      "--quiet",
      "--depth=1",
      "--branch=main",
      `file://${repository.folder}`,
      join(clone.folder, "c"),
    );
    const own = await clone.check([], "c");
    // Its origin/main is what is checked out, and what came before is not there.
    assertEquals([own.code, own.stderr], [0, ""]);
    const shallow = await clone.check(["--base", "origin/release"], "c");
    assertEquals(shallow.code, 2);
    assertMatch(
      shallow.stderr,
      /'origin\/release': this clone is shallow and lacks it\. Fetch it: git fetch .*GitHub Actions, set fetch-depth: 0/,
    );
    const parent = await clone.check(["--base", "HEAD~1"], "c");
    assertEquals(parent.code, 2);
    assertMatch(parent.stderr, /'HEAD~1': git knows no such revision\. This clone is shallow: git fetch --unshallow/);
  } finally {
    await clone[Symbol.asyncDispose]();
  }
});

Deno.test("check-compat compares origin/main, and what came before it on main itself; a branch that lacks commits is told so", async () => {
  await using repository = await ScratchRepository.make();
  await repository.commit("schemas", orders());
  await repository.commit("narrower", narrower);
  await repository.git("update-ref", "refs/remotes/origin/main", "HEAD");
  const main = await repository.check([]);
  assertEquals(main.code, 1);
  assertStringIncludes(main.stdout, "Note: origin/main is what is checked out: compared with the commit before it\n");
  await repository.git("checkout", "--quiet", "--detach", "HEAD~1");
  const behind = await repository.check([]);
  assertEquals(behind.code, 0);
  assertStringIncludes(behind.stdout, "This checkout lacks 1 commit of origin/main");
});

Deno.test("check-compat names a revision that does not load, and lets schemas do nothing but import", async () => {
  await using repository = await ScratchRepository.make();
  await repository.commit("broken", { [SCHEMAS]: `import "./gone.ts";\n` });
  await repository.commit("reads the environment", { [SCHEMAS]: `export const home = Deno.env.get("HOME");\n` });
  await repository.commit("right", orders());
  const gone = await repository.check(["--base", "HEAD~2"]);
  assertEquals(gone.code, 2);
  assertMatch(gone.stderr, /Cannot load common\/schemas\/mod\.ts of HEAD~2 \(\w{10}\): Module not found .*gone\.ts/);
  assertStringIncludes(gone.stderr, "If that revision never loaded, compare with another one: --base REVISION");
  const environment = await repository.check(["--base", "HEAD~1"]);
  assertEquals(environment.code, 2);
  assertMatch(environment.stderr, /HEAD~1 .*NotCapable: Requires env access to "HOME"/);
  await repository.write({ [SCHEMAS]: `${schemaModule({ A: "" })}\nexport const Again = defineEvent("A", {});\n` });
  const twice = await repository.check(["--base", "HEAD"]);
  assertEquals(twice.code, 2);
  assertMatch(twice.stderr, /Cannot load .* of this checkout: TypeError: Cannot define the event 'A'/);
  const missing = await repository.check(["--schemas", "nowhere.ts"]);
  assertEquals(missing.code, 2);
  assertStringIncludes(
    missing.stderr,
    "Cannot find nowhere.ts: name the module that exports the event schemas with --schemas FILE",
  );
});

Deno.test("check-compat misses the file of stream names when it is gone", async () => {
  await using repository = await ScratchRepository.make();
  const streams = `import { defineStreamName } from "@events-pipeline/common";
export const StreamName = { ORDERS: defineStreamName("stream:orders:events") };\n`;
  await repository.commit("schemas and a stream", { ...orders(), "common/stream_names.ts": streams });
  await Deno.remove(join(repository.folder, "common/stream_names.ts"));
  const { code, stdout } = await repository.check(["--base", "HEAD"]);
  assertEquals(code, 1);
  assertStringIncludes(stdout, "BREAKING stream-removed: stream:orders:events  common/schemas/mod.ts:1\n");
});

Deno.test("check-compat does not take a schema module that was moved for a new one", async () => {
  await using repository = await ScratchRepository.make();
  await repository.commit("schemas", orders());
  await repository.git("mv", "common", "shared");
  await repository.write({ "shared/schemas/mod.ts": narrower[SCHEMAS]! });
  const args = ["--base", "HEAD", "--schemas", "shared/schemas/mod.ts"];
  const moved = await repository.check(args);
  assertEquals(moved.code, 2);
  assertMatch(
    moved.stderr,
    /Cannot find shared\/schemas\/mod\.ts in HEAD, though it defines events in common\/schemas\/mod\.ts.*--base-schemas FILE/,
  );
  assertEquals((await repository.check([...args, "--base-schemas", SCHEMAS])).code, 1);
  assertEquals((await repository.check([...args, "--base-schemas", "none"])).code, 0);
});

Deno.test("check-compat reads a base with a zod of its own, in a folder of a larger repository", async () => {
  await using repository = await ScratchRepository.make();
  const zod = dirname(createRequire(import.meta.url).resolve("zod/package.json"));
  const imports = JSON.parse(await Deno.readTextFile(join(repository.folder, "deno.json"))).imports;
  const own = { "deno.json": JSON.stringify({ imports: { ...imports, zod: "./vendor/zod/index.js" } }) };
  await copyModules(zod, join(repository.folder, "shop/vendor/zod"));
  await repository.commit(
    "its own zod",
    Object.fromEntries(
      Object.entries({ ...own, ...orders("  order_id: z.union([z.uuid(), z.int()]),\n  at: isoDate,") })
        .map(([path, text]) => [`shop/${path}`, text.replace("notSet }", "isoDate, notSet }")]),
    ),
  );
  await Deno.remove(join(repository.folder, "shop/vendor"), { recursive: true });
  await repository.commit("zod of npm", { "shop/deno.json": JSON.stringify({ imports }) });
  const same = await repository.check(["--base", "HEAD~1", "--mode", "FULL"], "shop");
  assertEquals([same.code, same.stderr], [0, ""]);
  assertStringIncludes(same.stdout, "Events: 1 before, 1 now.");
  const text = (await Deno.readTextFile(join(repository.folder, "shop", SCHEMAS))).replace(", z.int()", "");
  await repository.write({ [`shop/${SCHEMAS}`]: text });
  const changed = await repository.check(["--base", "HEAD~1"], "shop");
  assertEquals(changed.code, 1);
  assertStringIncludes(
    changed.stdout,
    "BREAKING union-branch-removed: OrderPlaced.order_id  shop/common/schemas/mod.ts:6\n",
  );
});

async function copyModules(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory && name !== "src" && name !== "locales") await copyModules(join(from, name), join(to, name));
    else if (isDirectory && name === "locales") await copyModules(join(from, name), join(to, name));
    else if (name.endsWith(".js")) await Deno.copyFile(join(from, name), join(to, name));
  }
}

Deno.test("transitive modes look at every tag, or at the last commits; events have modes of their own", async () => {
  await using repository = await ScratchRepository.make();
  const fields = (type: string): Record<string, string> => orders(`  f: ${type},`);
  await repository.commit("v1", fields("z.string()"));
  await repository.git("tag", "v1");
  await repository.commit("v2", fields("z.string().nullable()"));
  await repository.git("tag", "--annotate", "--message=two", "v2");
  await repository.commit("v3", fields("z.int().nullable()"));
  await repository.write(fields("z.int().nullable()"));
  const check = async (...args: string[]) => {
    const { code, stdout } = await repository.check(["--base", "HEAD", "--format", "json", ...args]);
    const { findings, history } = JSON.parse(stdout);
    return {
      code,
      history,
      found: findings.filter((finding: Record<string, unknown>) => finding["severity"] === "breaking")
        .map((finding: Record<string, unknown>) => [finding["rule"], finding["against"]]),
    };
  };
  assertEquals(await check("--mode", "backward"), { code: 0, history: [], found: [] });
  assertEquals(await check("--mode", "backward_transitive"), {
    code: 1,
    history: ["v2", "v1"],
    found: [["type-changed", ["v2", "v1"]]],
  });
  const last = await check("--mode", "backward_transitive", "--history", "2");
  assertEquals([last.code, last.history.length, last.found.map(([rule]: [string]) => rule)], [1, 1, [
    "type-changed",
  ]]);
  // One event more asks for less.
  await repository.write({
    "compat.json": JSON.stringify({ mode: "FULL_TRANSITIVE", events: { OrderPlaced: { mode: "backward" } } }),
  });
  assertEquals((await check()).code, 0);
});

Deno.test("compat.json with faults is refused with all of them", async () => {
  await using repository = await changedRepository();
  const waiver = {
    rule: "no-such-rule",
    event: "OrderPlaced",
    stream: "s",
    reason: "short",
    date: "2026-02-31",
    until: "soon",
  };
  await repository.write({ "compat.json": JSON.stringify({ mode: "strict", waivers: [waiver], more: 1 }) });
  const { code, stderr } = await repository.check(["--base", "HEAD"]);
  assertEquals(code, 2);
  for (
    const fault of [
      "mode: must be one of additive,",
      "waivers.0.rule: is not a rule",
      "waivers.0.reason: must say why",
      "until: must be a day",
    ]
  ) {
    assertStringIncludes(stderr, fault);
  }
  assertStringIncludes(stderr, 'it: Unrecognized key: "more"');
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`check-compat removes what it made when it is ended by ${signal}`, async () => {
    await using repository = await ScratchRepository.make();
    // A module that never ends: the check is under way until the signal.
    await repository.commit("endless", { [SCHEMAS]: "await new Promise(() => setInterval(() => {}, 1_000));\n" });
    const child = (await repository.command(["--base", "HEAD"])).spawn();
    const output = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    await until(
      "the check loads the schemas of the checkout",
      async () => (await programsOf(repository)).length > 0,
      60_000,
    );
    child.kill(signal);
    assertEquals([(await child.status).code, await output], [code, ["", ""]]);
    assertEquals(await programsOf(repository), []);
  });
}
