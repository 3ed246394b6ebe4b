import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const ROOT = resolve(import.meta.dirname!, "../..");

/** What the program printed, and its exit code. */
export interface Checked {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A git repository that only uses the packages: its own `deno.json`, its own schema module. */
export class ScratchRepository implements AsyncDisposable {
  /** Its folder. */
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes one, with nothing committed yet. */
  static async make(): Promise<ScratchRepository> {
    const repository = new ScratchRepository(await Deno.makeTempDir({ prefix: "compat_test_" }));
    await repository.git("init", "--quiet", "--initial-branch=main");
    await repository.write({ "deno.json": JSON.stringify({ imports: await importsMap() }), "README.md": "A shop.\n" });
    return repository;
  }

  /** Writes files. */
  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, text] of Object.entries(files)) {
      await Deno.mkdir(dirname(join(this.folder, path)), { recursive: true });
      await Deno.writeTextFile(join(this.folder, path), text);
    }
  }

  /** Writes files, and commits all there is. */
  async commit(message: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.write(files);
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "--message", message);
  }

  /** Runs git. @returns what it printed */
  async git(...args: string[]): Promise<string> {
    return await git(this.folder, ...args);
  }

  /** Runs the program with the task's own permissions, in the repository or in a folder of it. */
  async check(args: readonly string[], folder = ".", task = "check-compat"): Promise<Checked> {
    const { code, stdout, stderr } = await (await this.command(args, folder, {}, task)).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /** The program, not started yet. */
  async command(
    args: readonly string[],
    folder = ".",
    environment: Record<string, string> = {},
    task = "check-compat",
  ): Promise<Deno.Command> {
    const { tasks } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))) as { tasks: Record<string, string> };
    const [program, ...words] = tasks[task]!.split(" ");
    if (program !== "deno") throw new Error(`The task ${task} does not begin with deno`);
    const main = join(ROOT, words.pop()!);
    return new Deno.Command(Deno.execPath(), {
      args: [...words, main, ...args],
      cwd: join(this.folder, folder),
      env: { ...GIT_ENVIRONMENT, ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** The user's own settings of git have no say in tests. */
const GIT_ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Test",
  GIT_AUTHOR_EMAIL: "test@example.com",
  GIT_COMMITTER_NAME: "Test",
  GIT_COMMITTER_EMAIL: "test@example.com",
};

/** Runs git in a folder. @returns what it printed */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("git", { args, cwd: folder, env: GIT_ENVIRONMENT }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`git ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout).trim();
}

/** Where a repository that uses the packages finds them: the members of this workspace. */
async function importsMap(): Promise<Record<string, string>> {
  const { imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json"))) as {
    imports: Record<string, string>;
  };
  return {
    "@events-pipeline/common": pathToFileURL(join(ROOT, "common/mod.ts")).href,
    "zod": imports["zod"]!,
  };
}

/** The text of a schema module: an import line, and events by name, each with its fields as program text. */
export function schemaModule(events: Readonly<Record<string, string>>, more = ""): string {
  return [
    `import { defineEvent, defineStreamName, notSet } from "@events-pipeline/common";`,
    `import { z } from "zod";`,
    `export { defineStreamName, notSet };`,
    ...Object.entries(events).map(([name, fields]) =>
      `\nexport const ${name} = defineEvent("${name}", {\n${fields}\n});`
    ),
    more,
    "",
  ].join("\n");
}
