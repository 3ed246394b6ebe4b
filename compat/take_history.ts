import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { CannotCheckError } from "./cannot_check_error.ts";
import { GitRepository } from "./git.ts";
import type { Snapshot } from "./normal_form.ts";
import { pathInside, RevisionSnapshots } from "./revision_snapshots.ts";
import { historyOf, type Revision, type SchemaHistory } from "./schema_history.ts";

/** Of what a history is taken. */
export interface TakeHistoryOptions {
  /** A folder of the checkout; paths start from it. */
  readonly folder: string;
  /** The module that exports the schemas. */
  readonly schemas: string;
  /** Every tag, or the last so many commits that changed something beside the module. @default tags; 50 where there is none */
  readonly history?: "tags" | number | undefined;
  /** The folder in which a temporary one is made. @default the system's */
  readonly tempFolder?: string | undefined;
  /** Is told of each revision before it is looked at. */
  readonly say?: ((line: string) => void) | undefined;
  /** Ends the work; what is temporary is removed. */
  readonly signal?: AbortSignal | undefined;
}

/** How many commits are looked at in a repository without tags. */
const COMMITS = 50;

/**
 * Takes down how the events of a repository have changed, up to what is checked out. Revisions that have no such module, or cannot be
 * loaded, are left out, and that is remarked.
 *
 * @throws {CannotCheckError} there is no git, or the schemas that are checked out cannot be loaded
 */
export async function takeHistory(options: TakeHistoryOptions): Promise<SchemaHistory> {
  const { signal, say = () => {} } = options;
  const repository = await GitRepository.at(options.folder, signal);
  const module = pathInside(repository, options, options.schemas, "--schemas");
  const head = await repository.commitOf("HEAD");
  if (head === undefined) throw new CannotCheckError("Cannot take a history: the repository has no commit yet");
  if (!existsSync(join(repository.root, module))) {
    throw new CannotCheckError(
      `Cannot find ${options.schemas}: name the module that exports the event schemas with --schemas FILE`,
    );
  }
  const remarks: string[] = [];
  if (repository.isShallow) remarks.push("The clone was shallow: older revisions than it has are not looked at");
  const workFolder = await Deno.makeTempDir({
    prefix: "schema_history_",
    ...(options.tempFolder === undefined ? {} : { dir: options.tempFolder }),
  });
  try {
    const snapshots = new RevisionSnapshots(repository, workFolder, signal === undefined ? {} : { signal });
    const taken: (readonly [Revision, Snapshot])[] = [];
    for (const [revision, commit] of await chooseRevisions(repository, head, module, options.history)) {
      say(`Looking at ${revision}`);
      try {
        const missing: string[] = [];
        const snapshot = await snapshots.take(revision, commit, [module], missing, true);
        if (missing.length > 0 && commit === head) {
          throw new CannotCheckError(`Cannot take a history: ${module} is not committed. Commit it first`);
        }
        if (missing.length > 0) remarks.push(`${revision} has no ${module}: it is left out`);
        else taken.push([{ revision, commit, ...await repository.saidOf(commit) }, snapshot]);
      } catch (error) {
        if (commit === head || !(error instanceof CannotCheckError)) throw error;
        remarks.push(`${revision} is left out: ${error.message.split("\n")[0]}`);
      }
    }
    return historyOf(taken, remarks);
  } finally {
    await Deno.remove(workFolder, { recursive: true });
  }
}

/** The revisions to look at, the oldest first; what is checked out is the last one. */
async function chooseRevisions(
  repository: GitRepository,
  head: string,
  module: string,
  history: TakeHistoryOptions["history"],
): Promise<readonly (readonly [revision: string, commit: string])[]> {
  const tags = typeof history === "number" ? [] : await repository.tags(head);
  const chosen = new Map(tags.toReversed().map(([tag, commit]) => [commit, tag]));
  if (chosen.size === 0 && history !== "tags") {
    const commits = await repository.lastChanges(head, [dirname(module)], history ?? COMMITS);
    for (const commit of commits.toReversed()) chosen.set(commit, commit.slice(0, 10));
  }
  if (!chosen.has(head)) chosen.set(head, head.slice(0, 10));
  return [...chosen].map(([commit, revision]) => [revision, commit] as const);
}
