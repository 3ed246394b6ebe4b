import { existsSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { CannotCheckError } from "./cannot_check_error.ts";
import type { GitRepository } from "./git.ts";
import type { Snapshot } from "./normal_form.ts";
import { snapshotTree, type SourceTree } from "./source_tree.ts";

/** How files end that may define events and stream names. */
export const ENDINGS: readonly string[] = [".ts", ".tsx", ".mts", ".js", ".mjs"];

/** Whether a file is a test: what it defines is no event of the repository's. */
export const IS_TEST: RegExp = /(_test|\.test|\.spec|_bench)\.[a-z]+$/;

const EMPTY: Snapshot = { format: 1, events: {}, streams: {} };

/** Where the schemas of other revisions are. */
export interface RevisionOptions {
  /** Where they were, if elsewhere, as a path from the root; `none` if there were none. @default where they are now */
  readonly baseSchemas?: string | undefined;
  /** Ends the work. */
  readonly signal?: AbortSignal;
}

/** Takes the schemas of commits down, each checked out into a temporary folder. */
export class RevisionSnapshots {
  readonly #repository: GitRepository;
  readonly #folder: string;
  readonly #options: RevisionOptions;

  /** @param folder a temporary one */
  constructor(repository: GitRepository, folder: string, options: RevisionOptions) {
    this.#repository = repository;
    this.#folder = folder;
    this.#options = options;
  }

  /**
   * Takes a commit's schemas down. A commit without any counts as one with no event, and that is remarked.
   *
   * @param modules the module of the schemas, then those of stream names
   * @param isOld whether it may have had them elsewhere
   * @throws {CannotCheckError} they cannot be loaded, or are elsewhere
   */
  async take(
    revision: string,
    commit: string,
    modules: readonly string[],
    remarks: string[],
    isOld = false,
  ): Promise<Snapshot> {
    const { baseSchemas, signal } = this.#options;
    if (baseSchemas === "none") return EMPTY;
    const folder = join(this.#folder, commit);
    await Deno.mkdir(folder);
    await this.#repository.checkOut(commit, folder);
    try {
      const [first, ...streams] = modules;
      const schemas = baseSchemas ?? first!;
      const isMissing = !existsSync(join(folder, schemas));
      const there = [schemas, ...streams].filter((path) => existsSync(join(folder, path)));
      if (isMissing && !isOld) await this.#assertNoneElsewhere(revision, commit, schemas);
      if (isMissing) {
        remarks.push(`${revision} has no ${schemas}: there is nothing to compare with, and every event counts as new`);
      }
      if (there.length === 0) return EMPTY;
      const name = `${revision} (${commit.slice(0, 10)})`;
      return await snapshotTree({ name, folder, isCheckout: false } satisfies SourceTree, {
        ...{ modules: there, workFolder: this.#folder },
        ...(signal === undefined ? {} : { signal }),
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  async #assertNoneElsewhere(revision: string, commit: string, schemas: string): Promise<void> {
    const files = await this.#repository.filesWith(commit, ["defineEvent("], ENDINGS);
    const modules = files.filter((path) => !IS_TEST.test(path));
    if (modules.length === 0) return;
    throw new CannotCheckError(
      `Cannot find ${schemas} in ${revision}, though it defines events in ${modules.slice(0, 3).join(", ")}. ` +
        "If the module was moved, say where it was: --base-schemas FILE. If those are no schemas of yours: --base-schemas none",
    );
  }
}

/**
 * A path as it is from the root of a repository.
 *
 * @param folder the folder that the path starts from
 * @throws {CannotCheckError} it is outside
 */
export function pathInside(
  repository: GitRepository,
  { folder }: { readonly folder: string },
  path: string,
  flag: string,
): string {
  const inside = relative(Deno.realPathSync(repository.root), resolve(Deno.realPathSync(folder), path));
  if (inside.startsWith("..") || isAbsolute(inside)) {
    throw new CannotCheckError(`Cannot use ${flag} ${path}: it is outside of the repository ${repository.root}`);
  }
  return inside;
}
