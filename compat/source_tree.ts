import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { CannotCheckError } from "./cannot_check_error.ts";
import type { Snapshot } from "./normal_form.ts";

/** How long loading the schemas of a revision may take, dependencies included, in milliseconds. */
const LOAD_MS = 180_000;

/** The files of one revision. */
export interface SourceTree {
  /** What messages call it. */
  readonly name: string;
  /** Its folder, of the whole repository. */
  readonly folder: string;
  /** Whether it is the user's own: nothing is written into it. */
  readonly isCheckout: boolean;
}

/** What is taken down of a revision, and how. */
export interface TreeOptions {
  /** The modules, as paths from the tree's folder. */
  readonly modules: readonly string[];
  /** A folder for files of our own. */
  readonly workFolder: string;
  /** Ends the work. */
  readonly signal?: AbortSignal;
}

/**
 * Takes down the events and streams of a revision: loads its modules in a process of their own, without any permission, with the
 * dependencies that its own `deno.json` and `deno.lock` name.
 *
 * @throws {CannotCheckError} the modules cannot be loaded
 */
export async function snapshotTree(tree: SourceTree, options: TreeOptions): Promise<Snapshot> {
  const mark = crypto.randomUUID();
  const program = join(options.workFolder, `snapshot_${mark}.ts`);
  await Deno.writeTextFile(program, programText(tree, options.modules, mark));
  const config = nearest(tree, options.modules[0]!, ["deno.json", "deno.jsonc"]);
  const limit = AbortSignal.timeout(LOAD_MS);
  const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-prompt", "--quiet", "--vendor=false"],
      ...(config === undefined ? [] : ["--config", config]),
      ...await lockFlags(tree, options, mark),
      // Deno may fill the folder node_modules. Where that is npm's, it is needed and left as it is.
      ...(tree.isCheckout && nearest(tree, options.modules[0]!, ["package.json"]) !== undefined
        ? []
        : ["--node-modules-dir=none"]),
      program,
    ],
    cwd: tree.folder,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
    signal,
  });
  const output = await command.output();
  options.signal?.throwIfAborted();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes)) as [
    string,
    string,
  ];
  const line = stdout.split("\n").find((line) => line.startsWith(mark));
  if (output.code === 0 && line !== undefined) return JSON.parse(line.slice(mark.length)) as Snapshot;
  const reason = limit.aborted ? `it took longer than ${LOAD_MS / 1_000} s` : reasonOf(stderr, tree, mark);
  throw new CannotCheckError(
    `Cannot load ${options.modules.join(", ")} of ${tree.name}: ${reason}\n` +
      (tree.isCheckout
        ? "Schema modules are loaded without any permission: they may import, and nothing else. Mend it, and check again"
        : "Its dependencies are those of its own deno.json and deno.lock. " +
          "If that revision never loaded, compare with another one: --base REVISION, and with newer ones only: --history N"),
  );
}

/** Everything is imported statically, which needs no permission. */
function programText(tree: SourceTree, modules: readonly string[], mark: string): string {
  const imports = modules.map((path, i) =>
    `import * as m${i} from ${JSON.stringify(pathToFileURL(join(tree.folder, path)).href)};`
  );
  return [
    ...imports,
    `import { snapshotOf } from ${JSON.stringify(new URL("./snapshot.ts", import.meta.url).href)};`,
    `console.log("\\n" + ${JSON.stringify(mark)} + JSON.stringify(snapshotOf([${
      modules.map((_, i) => `m${i}`).join(", ")
    }])));`,
    "Deno.exit(0);",
    "",
  ].join("\n");
}

/** In the user's checkout, a copy of the lock file is used, for Deno adds to it what this program imports. */
async function lockFlags(
  tree: SourceTree,
  { modules, workFolder }: TreeOptions,
  mark: string,
): Promise<readonly string[]> {
  if (!tree.isCheckout) return ["--frozen=false"];
  const lock = nearest(tree, modules[0]!, ["deno.lock"]);
  if (lock === undefined) return ["--no-lock"];
  const copy = join(workFolder, `${mark}.lock`);
  await Deno.copyFile(lock, copy);
  return ["--lock", copy, "--frozen=false"];
}

/** The nearest file of a name, from a module's folder up to the tree's own. */
function nearest(tree: SourceTree, module: string, names: readonly string[]): string | undefined {
  for (let folder = dirname(module);; folder = dirname(folder)) {
    for (const name of names) {
      const path = join(tree.folder, folder, name);
      if (existsSync(path)) return path;
    }
    if (folder === "." || folder === "/" || folder === "") return undefined;
  }
}

function reasonOf(stderr: string, tree: SourceTree, mark: string): string {
  const text = stderr.replaceAll(pathToFileURL(tree.folder).href, "").replaceAll(`snapshot_${mark}.ts`, "the checker")
    .trim();
  const lines = text.split("\n").filter((line) => !/^\s+at /.test(line) && line.trim() !== "");
  return lines.slice(0, 6).join("\n  ").replace(/^error: (Uncaught )?(\(in promise\) )?/, "") ||
    "it ended without a word";
}
