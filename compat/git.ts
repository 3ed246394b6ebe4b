import { resolve } from "node:path";
import { CannotCheckError } from "./cannot_check_error.ts";

/** What a command of git said. */
interface GitAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A git repository, which is only read: neither its checkout nor its index is touched. */
export class GitRepository {
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  /** The folder of its checkout. */
  readonly root: string;
  /** Whether it was cloned without all of its history. */
  readonly isShallow: boolean;

  private constructor(root: string, isShallow: boolean, signal: AbortSignal | undefined) {
    this.#folder = root;
    this.#signal = signal;
    this.root = root;
    this.isShallow = isShallow;
  }

  /**
   * Finds the repository that a folder is in.
   *
   * @throws {CannotCheckError} there is no git, or the folder is in no checkout
   */
  static async at(folder: string, signal?: AbortSignal): Promise<GitRepository> {
    const { code, stdout, stderr } = await run(
      folder,
      ["rev-parse", "--show-toplevel", "--is-shallow-repository"],
      signal,
    );
    const [root = "", shallow] = stdout.split("\n");
    if (code === 0 && root !== "") return new GitRepository(resolve(folder, root), shallow === "true", signal);
    throw new CannotCheckError(
      `Cannot find a base: ${folder} is in no checkout of git. Run it in a clone of the repository, with git's own files` +
        (stderr === "" ? "" : ` (git: ${stderr})`),
    );
  }

  /** Finds the commit that a revision names, if there is one. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (revision.startsWith("-")) return undefined;
    const { code, stdout } = await this.#git(["rev-parse", "--verify", "--quiet", `${revision}^{commit}`]);
    return code === 0 ? stdout : undefined;
  }

  /**
   * Finds the commit of the base.
   *
   * @throws {CannotCheckError} there is none, with what to do about it
   */
  async baseCommit(base: string): Promise<string> {
    const commit = await this.commitOf(base);
    if (commit !== undefined) return commit;
    if (await this.commitOf("HEAD") === undefined) {
      throw new CannotCheckError(
        `Cannot find the base '${base}': the repository has no commit yet. Make the first one`,
      );
    }
    const [remote = "", ...branch] = base.split("/");
    const remotes = (await this.#git(["remote"])).stdout.split("\n").filter((name) => name !== "");
    const fetched = `git fetch --no-tags --depth=1 ${remote} +${branch.join("/")}:refs/remotes/${base}`;
    if (remotes.includes(remote) && branch.length > 0) {
      const why = this.isShallow ? "this clone is shallow and lacks it" : "it was not fetched";
      const actions = this.isShallow ? "; in GitHub Actions, set fetch-depth: 0 for actions/checkout" : "";
      throw new CannotCheckError(`Cannot find the base '${base}': ${why}. Fetch it: ${fetched}${actions}`);
    }
    const shallow = this.isShallow ? " This clone is shallow: git fetch --unshallow brings the rest." : "";
    throw new CannotCheckError(
      `Cannot find the base '${base}': git knows no such revision.${shallow} ` +
        `Name another one with --base, such as --base main or --base HEAD~1` +
        (remotes.length === 0 ? "; the repository has no remote" : `; its remotes are ${remotes.join(", ")}`),
    );
  }

  /** Whether the checkout is exactly what was committed. */
  async isClean(): Promise<boolean> {
    const { code, stdout } = await this.#git(["--no-optional-locks", "status", "--porcelain"]);
    return code === 0 && stdout === "";
  }

  /** How many commits of a revision the checkout lacks. @returns 0 when that cannot be known */
  async missingCommits(commit: string): Promise<number> {
    const { code, stdout } = await this.#git(["rev-list", "--count", `HEAD..${commit}`]);
    return code === 0 && !this.isShallow ? Number(stdout) : 0;
  }

  /**
   * Every tag, the newest first, with its commit.
   *
   * @param of the commit that it must be part of @default all tags
   */
  async tags(of?: string): Promise<readonly (readonly [tag: string, commit: string])[]> {
    const format = "%(refname:short) %(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)";
    const { stdout } = await this.#git([
      "for-each-ref",
      "--sort=-v:refname",
      "--sort=-creatordate",
      `--format=${format}`,
      ...(of === undefined ? [] : [`--merged=${of}`]),
      "refs/tags",
    ]);
    const lines = stdout.split("\n").filter((line) => line !== "").map((line) => line.split(" ") as [string, string]);
    const commits = await Promise.all(lines.map(async ([tag, object]) => [tag, await this.commitOf(object)] as const));
    // A tag may be of something else than a commit.
    return commits.flatMap(([tag, commit]) => commit === undefined ? [] : [[tag, commit] as const]);
  }

  /** The last commits of a branch, the newest first, along its first parents. */
  async lastCommits(commit: string, count: number): Promise<readonly string[]> {
    const { stdout } = await this.#git(["rev-list", "--first-parent", `--max-count=${count}`, commit]);
    return stdout.split("\n").filter((line) => line !== "");
  }

  /** The last commits that changed something under some paths, the newest first, along the first parents of a commit. */
  async lastChanges(commit: string, paths: readonly string[], count: number): Promise<readonly string[]> {
    const { stdout } = await this.#git([
      ...["rev-list", "--first-parent", `--max-count=${count}`, commit, "--", ...paths],
    ]);
    return stdout.split("\n").filter((line) => line !== "");
  }

  /** When a commit was made, and the first line of what was said about it. */
  async saidOf(commit: string): Promise<{ readonly at: string; readonly subject: string }> {
    const { stdout } = await this.#git(["show", "--no-patch", "--format=%cI%n%s", commit]);
    const [at = "", subject = ""] = stdout.split("\n");
    return { at, subject };
  }

  /** The files of a commit, or of the checkout, that contain one of some texts, as paths from the root. */
  async filesWith(
    commit: string | undefined,
    texts: readonly string[],
    endings: readonly string[],
  ): Promise<readonly string[]> {
    const { code, stdout } = await this.#git([
      ...["grep", "--name-only", "-z", "--fixed-strings", ...texts.flatMap((text) => ["-e", text])],
      ...(commit === undefined ? ["--untracked"] : [commit]),
      ...["--", ...endings.map((ending) => `*${ending}`)],
    ]);
    const files = code === 0 ? stdout.split("\0").filter((line) => line !== "") : [];
    return commit === undefined ? files : files.map((line) => line.slice(commit.length + 1));
  }

  /**
   * Writes the files of a commit into a folder, by an index of its own.
   *
   * @throws {CannotCheckError} git cannot do it
   */
  async checkOut(commit: string, folder: string): Promise<void> {
    const environment = { GIT_INDEX_FILE: `${folder}.index` };
    for (
      const args of [
        ["read-tree", "--no-sparse-checkout", commit],
        ["checkout-index", "--all", "--quiet", `--prefix=${folder}/`],
      ]
    ) {
      const { code, stderr } = await this.#git(args, environment);
      if (code !== 0) throw new CannotCheckError(`Cannot take the files of ${commit.slice(0, 10)} from git: ${stderr}`);
    }
  }

  #git(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<GitAnswer> {
    return run(this.#folder, args, this.#signal, environment);
  }
}

async function run(
  folder: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
  environment: Readonly<Record<string, string>> = {},
): Promise<GitAnswer> {
  signal?.throwIfAborted();
  try {
    const command = new Deno.Command("git", {
      args: [...args],
      cwd: folder,
      env: { ...environment, LC_ALL: "C" },
      stdin: "null",
      ...(signal === undefined ? {} : { signal }),
    });
    const { code, stdout, stderr } = await command.output();
    signal?.throwIfAborted();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout).trim(), stderr: decoder.decode(stderr).trim() };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new CannotCheckError("Cannot find a base: there is no git on this machine. Install it", { cause });
  }
}
