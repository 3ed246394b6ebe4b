import { readCheckpoints } from "@events-pipeline/common/lease";
import type { Sql } from "postgres";
import { listStreams } from "../archived_segments.ts";
import type { ObjectStore } from "../object_store.ts";
import { readVerifications, recordVerification } from "../verification.ts";
import { type VerifiedStream, verifyStream } from "./verify_stream.ts";
import { parseEntryId } from "@events-pipeline/common";

/** What {@linkcode verifyArchive} works with. */
export interface VerifyArchiveOptions {
  /** The archive. */
  readonly store: ObjectStore;
  /** The streams. @default all that the archive holds, or an archiver has ever begun */
  readonly streams?: readonly string[] | undefined;
  /** A pool on the producers' database, to compare with, and to note there that it was verified. @default none */
  readonly sql?: Sql | undefined;
  /** The first moment of a day, in Unix milliseconds: what is older is not looked at. @default all is */
  readonly fromMs?: number | undefined;
  /** How many streams at once: each holds an object in memory. @default 3 */
  readonly concurrency?: number | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each object how much of a stream has been read. */
  readonly onProgress?:
    | ((stream: string, progress: { readonly segments: number; readonly events: number }) => void)
    | undefined;
}

/**
 * Proves that an archive is whole, a few streams at a time, and gives what was found of each as soon as it is known.
 *
 * @throws {Error} the store or the database does not answer
 *
 * @example
 * ```ts
 * import { makeSegment, openStore, verifyArchive } from "@events-pipeline/archiver";
 * import { assertEquals } from "@std/assert";
 * import { pathToFileURL } from "node:url";
 *
 * const store = await openStore(pathToFileURL(await Deno.makeTempDir()).href);
 * const stream = "stream:widgets:events";
 * const { key, body, record } = await makeSegment(stream, [{
 *   entryId: "1767225600000-2",
 *   eventId: "019a2f6e-0000-7000-8000-000000000000",
 *   stream,
 *   eventType: "WidgetCreated",
 *   time: "2026-01-01T00:00:00.000Z",
 *   metadata: "{}",
 *   payload: '{"widget_id":"w1","owner_id":"o1"}',
 * }]);
 * await store.put(key, body, record);
 * const [verified] = await Array.fromAsync(verifyArchive({ store }));
 * assertEquals(verified?.faults, [{ kind: "missing", first: 1, last: 1, detail: "1 entry is in no object" }]);
 * ```
 */
export async function* verifyArchive(options: VerifyArchiveOptions): AsyncGenerator<VerifiedStream> {
  const { store, sql, fromMs, signal, concurrency = 3, onProgress } = options;
  const waiting = [...options.streams ?? await allStreams(store, sql)];
  const running = new Map<string, Promise<VerifiedStream>>();
  while (waiting.length > 0 || running.size > 0) {
    while (waiting.length > 0 && running.size < concurrency) {
      const stream = waiting.shift()!;
      const one = { store, stream, sql, fromMs, signal };
      const verifying = verifyStream({ ...one, onProgress: (progress) => onProgress?.(stream, progress) });
      verifying.catch(() => {}); // Whoever waits for the first to end is told.
      running.set(stream, verifying);
    }
    const verified = await Promise.race(running.values());
    running.delete(verified.stream);
    if (sql !== undefined) await note(sql, verified, fromMs !== undefined);
    yield verified;
  }
}

async function allStreams(store: ObjectStore, sql: Sql | undefined): Promise<readonly string[]> {
  const archived = await Array.fromAsync(listStreams(store));
  const begun = sql === undefined ? [] : [...(await readCheckpoints(sql, "archiver")).keys()];
  return [...new Set([...archived, ...begun])].sort();
}

/** A look at a part takes nothing back of what was found wrong with the whole. */
async function note(sql: Sql, { stream, last, faultCount }: VerifiedStream, isPart: boolean): Promise<void> {
  const before = isPart && faultCount === 0 ? await readVerifications(sql) : [];
  if (before.some((known) => known.stream === stream && known.faults > 0)) return;
  await recordVerification(sql, {
    stream,
    upTo: last === undefined ? 0 : parseEntryId(last).position,
    faults: faultCount,
  });
}
