import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CannotCheckError } from "./cannot_check_error.ts";
import { checkSnapshots, type Finding, type OlderSnapshot } from "./check_snapshots.ts";
import { type CompatFile, readCompatFile } from "./compat_file.ts";
import { GitRepository } from "./git.ts";
import { locate, type Place, type Source } from "./locate.ts";
import { isTransitive, type Mode } from "./modes.ts";
import { ENDINGS, IS_TEST, pathInside, RevisionSnapshots } from "./revision_snapshots.ts";
import { snapshotTree } from "./source_tree.ts";

/** What to check, and how. */
export interface CheckCompatOptions {
  /** A folder of the checkout; paths start from it. */
  readonly folder: string;
  /** The module that exports the schemas. */
  readonly schemas: string;
  /** Modules that export stream names, beside those that `schemas` exports. */
  readonly streams: readonly string[];
  /** Where the schemas are in the base, if elsewhere; `none` if it has none. @default where they are now */
  readonly baseSchemas?: string;
  /** The revision to compare with. @default `origin/main`, or what came before it when that is what is checked out */
  readonly base?: string;
  /** Every tag, or the last so many revisions of the base: what transitive modes look at. @default "tags" */
  readonly history?: "tags" | number;
  /** What must not break. @default what compat.json says, else `additive` */
  readonly mode?: Mode;
  /** The file of modes and waivers, if it is there. */
  readonly compatFile: string;
  /** The day of the check: `2026-01-31`. */
  readonly today: string;
  /** The folder in which a temporary one is made. @default the system's */
  readonly tempFolder?: string;
  /** Ends the work; what is temporary is removed. */
  readonly signal?: AbortSignal;
}

/** A finding, and where it is in the sources. */
export interface LocatedFinding extends Finding {
  /** Where it is. */
  readonly place?: Place;
}

/** What came of a check. */
export interface CompatReport {
  /** The revision that it was compared with. */
  readonly base: { readonly revision: string; readonly commit: string };
  /** The older revisions that it was compared with as well. */
  readonly history: readonly string[];
  /** What must not break. */
  readonly mode: Mode;
  /** How many events there are, in the base and now. */
  readonly events: { readonly base: number; readonly now: number };
  /** How many streams there are, in the base and now. */
  readonly streams: { readonly base: number; readonly now: number };
  /** What was found. */
  readonly findings: readonly LocatedFinding[];
  /** What else the reader should know. */
  readonly remarks: readonly string[];
}

/** How events and stream names are defined. */
const DEFINITIONS = ["defineEvent(", "defineStreamName("];

/**
 * Compares the schemas of a checkout with those of an older revision of it.
 *
 * @throws {CannotCheckError} the check could not be made; the message says what to do
 * @throws {CompatFileError} compat.json is not as it must be
 */
export async function checkCompat(options: CheckCompatOptions): Promise<CompatReport> {
  const { signal } = options;
  const file = await compatFile(options);
  const mode = options.mode ?? file.mode ?? "additive";
  const repository = await GitRepository.at(options.folder, signal);
  const schemas = pathInside(repository, options, options.schemas, "--schemas");
  if (!existsSync(join(repository.root, schemas))) {
    throw new CannotCheckError(
      `Cannot find ${options.schemas}: name the module that exports the event schemas with --schemas FILE`,
    );
  }
  const modules = [schemas, ...options.streams.map((path) => pathInside(repository, options, path, "--streams"))];
  const remarks: string[] = [];
  const base = await chooseBase(repository, options, remarks);
  const workFolder = await makeTempFolder(options.tempFolder);
  try {
    const work = new Work(repository, workFolder, options);
    // Both are waited for, also when one fails: nothing may work in a folder that is being removed.
    const [now, older] = await bothOf(
      snapshotTree({ name: "this checkout", folder: repository.root, isCheckout: true }, {
        ...{ modules: modules.filter((path) => existsSync(join(repository.root, path))), workFolder },
        ...(signal === undefined ? {} : { signal }),
      }),
      work.snapshots.take(base.revision, base.commit, modules, remarks),
    );
    const modes = [mode, ...Object.values(file.events).map((override) => override.mode)];
    const history = modes.some(isTransitive) ? await work.history(base.commit, modules, remarks) : [];
    if (Object.keys(now.events).length === 0) remarks.push(`${options.schemas} exports no event`);
    const findings = checkSnapshots({ revision: base.revision, snapshot: older }, now, {
      ...{ mode, file, today: options.today, history },
    });
    const sources = findings.length === 0 ? [] : await work.sources(modules);
    return {
      ...{ base, mode, remarks },
      history: history.map(({ revision }) => revision),
      events: { base: Object.keys(older.events).length, now: Object.keys(now.events).length },
      streams: { base: Object.keys(older.streams).length, now: Object.keys(now.streams).length },
      findings: findings.map((finding) => located(finding, sources, schemas, relativePath(repository, options))),
    };
  } finally {
    await Deno.remove(workFolder, { recursive: true });
  }
}

async function bothOf<A, B>(a: Promise<A>, b: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([a, b]);
  return await Promise.all([a, b]);
}

/** What is done with the repository and a temporary folder. */
class Work {
  readonly #repository: GitRepository;
  readonly #options: CheckCompatOptions;
  readonly snapshots: RevisionSnapshots;

  constructor(repository: GitRepository, folder: string, options: CheckCompatOptions) {
    this.#repository = repository;
    this.#options = options;
    const { baseSchemas, signal } = options;
    this.snapshots = new RevisionSnapshots(repository, folder, {
      ...(signal === undefined ? {} : { signal }),
      ...(baseSchemas === undefined || baseSchemas === "none"
        ? { baseSchemas }
        : { baseSchemas: pathInside(repository, options, baseSchemas, "--base-schemas") }),
    });
  }

  /** Takes the older revisions down that transitive modes look at. */
  async history(base: string, modules: readonly string[], remarks: string[]): Promise<readonly OlderSnapshot[]> {
    const { history = "tags" } = this.#options;
    const revisions = history === "tags"
      ? await this.#repository.tags()
      : (await this.#repository.lastCommits(base, history)).map((commit) => [commit.slice(0, 10), commit] as const);
    if (revisions.length === 0) {
      remarks.push("There is no tag: transitive modes look at the base only (--history N looks at commits)");
    }
    if (this.#repository.isShallow) {
      remarks.push("This clone is shallow: older revisions than it has are not looked at");
    }
    const seen = new Set([base]);
    const snapshots: OlderSnapshot[] = [];
    for (const [revision, commit] of revisions) {
      if (seen.has(commit)) continue;
      seen.add(commit);
      snapshots.push({ revision, snapshot: await this.snapshots.take(revision, commit, modules, remarks, true) });
    }
    return snapshots;
  }

  /** The sources of the modules and of what they import inside the repository. */
  async sources(modules: readonly string[]): Promise<readonly Source[]> {
    const { root } = this.#repository;
    const found = new Map<string, string>();
    const visit = async (path: string): Promise<void> => {
      if (found.has(path) || found.size > 2_000) return;
      const text = await Deno.readTextFile(join(root, path)).catch(() => undefined);
      if (text === undefined) return;
      found.set(path, text);
      for (const [, , specifier] of text.matchAll(/\b(from|import)\s*\(?\s*["'](\.[^"']+)["']/g)) {
        await visit(join(dirname(path), specifier!));
      }
    };
    for (const path of modules) await visit(path);
    // What is imported under another name than a path is found by what it says.
    for (const path of await this.#repository.filesWith(undefined, DEFINITIONS, ENDINGS)) {
      if (!IS_TEST.test(path)) await visit(path);
    }
    return [...found];
  }
}

async function compatFile({ folder, compatFile }: CheckCompatOptions): Promise<CompatFile> {
  const path = resolve(folder, compatFile);
  return readCompatFile(existsSync(path) ? await Deno.readTextFile(path) : "{}");
}

async function chooseBase(
  repository: GitRepository,
  { base }: CheckCompatOptions,
  remarks: string[],
): Promise<{ readonly revision: string; readonly commit: string }> {
  const revision = base ?? "origin/main";
  const commit = await repository.baseCommit(revision);
  const head = await repository.commitOf("HEAD");
  if (base === undefined && commit === head && await repository.isClean()) {
    const parent = await repository.commitOf("HEAD^1");
    if (parent !== undefined) {
      remarks.push(`${revision} is what is checked out: compared with the commit before it`);
      return { revision: "HEAD^1", commit: parent };
    }
  }
  const missing = await repository.missingCommits(commit);
  if (missing > 0) {
    remarks.push(
      `This checkout lacks ${missing} commit${
        missing === 1 ? "" : "s"
      } of ${revision}: what seems removed may have been added there. ` +
        "Merge it first",
    );
  }
  return { revision, commit };
}

function relativePath(repository: GitRepository, options: CheckCompatOptions): string {
  return pathInside(repository, options, options.compatFile, "compat.json");
}

function located(finding: Finding, sources: readonly Source[], schemas: string, compatFile: string): LocatedFinding {
  if (finding.against.length === 0) return { ...finding, place: { file: compatFile, line: 1 } };
  return { ...finding, place: locate(sources, finding, finding.path) ?? { file: schemas, line: 1 } };
}

/** Makes a temporary folder: in `/tmp`, to which the program's permission may be limited. */
async function makeTempFolder(dir?: string): Promise<string> {
  return await Deno.makeTempDir({ prefix: "check_compat_", ...(dir === undefined ? {} : { dir }) });
}
