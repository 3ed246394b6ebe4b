import { parseEntryId } from "@events-pipeline/common";
import { acquireLease, type Lease, readLease, releaseLease } from "@events-pipeline/common/lease";
import { type Logger, silentLogger } from "@events-pipeline/common/logger";
import type { Sql } from "postgres";
import { type ArchivedSegment, listSegments, positionsOf } from "../archived_segments.ts";
import { LeaseKeeper } from "../lease_keeper.ts";
import type { ObjectStore } from "../object_store.ts";
import { DamagedSegmentError, scanSegment } from "../read/scan_segment.ts";
import { isWithin, type KnownSegment, scanOuter } from "../read/superseded.ts";
import { dateOf, segmentKey, type SegmentRecord } from "../segment.ts";
import { finishSegment, recordSegment } from "../segment_record.ts";
import { mergeSegments } from "./merge_segments.ts";
import { planDay, type SupersededGroup } from "./plan_day.ts";

/** What {@linkcode compactStream} works with. */
export interface CompactOptions {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** The archive. */
  readonly store: ObjectStore;
  /** The stream. */
  readonly stream: string;
  /** The day, `yyyy-mm-dd`. @default every day that is over */
  readonly date?: string | undefined;
  /** How many bytes the objects that become one may have together. @default 67108864 */
  readonly targetBytes?: number | undefined;
  /** How long the lease lasts without renewal, in milliseconds. @default 10000 */
  readonly leaseMs?: number | undefined;
  /** The time, in Unix milliseconds. @default Date.now */
  readonly now?: (() => number) | undefined;
  /** Told what is done. @default silent */
  readonly logger?: Logger | undefined;
  /** Begins no more; what is in hand is finished. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each merge. */
  readonly onProgress?: ((done: Compacted) => void) | undefined;
}

/** What a compaction has done. */
export interface Compacted {
  /** How many objects have become fewer. */
  readonly merged: number;
  /** How many these are. */
  readonly into: number;
  /** How many were removed that a longer one had superseded before. */
  readonly superseded: number;
  /** How many days were looked at. */
  readonly days: number;
}

/** Another process compacts the stream, or was ended by force a moment ago. */
export class CompactionRunningError extends Error {
  /** The error's name, `CompactionRunningError`. */
  override readonly name = "CompactionRunningError";

  /** Made by {@linkcode compactStream}. */
  constructor(stream: string) {
    super(
      `Cannot compact ${stream}: another process does, or was ended by force and holds its lease for a few seconds more`,
    );
  }
}

/** The archive is not as compaction needs it. Nothing of the day was changed; `archive verify` tells more. */
export class NotCompactableError extends Error {
  /** The error's name, `NotCompactableError`. */
  override readonly name = "NotCompactableError";
}

/** What objects may have together that become one, unless another size is asked for, in bytes. */
export const TARGET_BYTES: number = 64 * 1024 * 1024;

const DAY_MS = 86_400_000;

/** How long a day is left alone after its end, for clocks that differ, in milliseconds. */
const CLOSED_MS = 3_600_000;

/**
 * Merges the small objects of days that are over into few large ones. A merged object is recorded in the lease `compactor`, put, read back
 * and proved; only then those that it holds are removed. So a reader finds every entry at any moment, and what a crash leaves is removed
 * by the next run: objects that lie within a longer one of the same lines.
 *
 * Archivers may run: what they have not finished, and the last day, are left alone.
 *
 * @throws {CompactionRunningError} another process does it
 * @throws {NotCompactableError} a day has been changed by hand
 * @throws {LeaseLostError} another process has taken over, since this one was paused
 */
export async function compactStream(options: CompactOptions): Promise<Compacted> {
  const { sql, stream, leaseMs = 10_000, logger = silentLogger } = options;
  const lease = await acquireLease(sql, { stream, role: "compactor" }, { ownerId: crypto.randomUUID(), leaseMs });
  if (lease === undefined) throw new CompactionRunningError(stream);
  const keeper = new LeaseKeeper(lease, { sql, leaseMs, logger });
  try {
    return await new Compaction(options, lease, keeper).run();
  } finally {
    await keeper.stop();
    await releaseLease(sql, lease).catch(() => {}); // It runs out.
  }
}

class Compaction {
  readonly #options: CompactOptions;
  readonly #lease: Lease;
  readonly #keeper: LeaseKeeper;
  readonly #done = { merged: 0, into: 0, superseded: 0, days: 0 };

  constructor(options: CompactOptions, lease: Lease, keeper: LeaseKeeper) {
    this.#options = options;
    this.#lease = lease;
    this.#keeper = keeper;
  }

  async run(): Promise<Compacted> {
    const { sql, store, stream, date, now = Date.now, signal } = this.#options;
    const archiver = await readLease(sql, { stream, role: "archiver" });
    if (archiver === undefined) return this.#done;
    const upTo = parseEntryId(archiver.checkpoint).position;
    await this.#finishRecorded();
    const from = date === undefined ? {} : { fromMs: Date.parse(date) };
    let day: string | undefined;
    let listed: ArchivedSegment[] = [];
    // A day's names are in memory, and no more.
    for await (const segment of listSegments(store, stream, from)) {
      if (segment.ids === undefined) continue;
      const next = dateOf(segment.ids.first);
      if (next !== day) {
        if (day !== undefined) await this.#compactDay(day, listed, upTo);
        [day, listed] = [next, []];
      }
      if (signal?.aborted || (date !== undefined && next > date) || !isClosed(next, now())) break;
      listed.push(segment);
    }
    if (day !== undefined) await this.#compactDay(day, listed, upTo);
    return this.#done;
  }

  async #compactDay(date: string, listed: readonly ArchivedSegment[], upTo: number): Promise<void> {
    const { store, stream, targetBytes = TARGET_BYTES, signal, onProgress } = this.#options;
    if (listed.length === 0) return;
    this.#done.days++;
    const { merges, superseded, fault } = planDay(listed, { stream, date, upTo, targetBytes });
    if (fault !== undefined) throw new NotCompactableError(`Cannot compact ${date} of ${stream}: ${fault}`);
    for (const group of superseded) await this.#removeSuperseded(group);
    for (const { segments } of merges) {
      if (signal?.aborted) return;
      const merged = await mergeSegments(store, stream, segments, this.#keeper.signal);
      this.#keeper.check();
      await recordSegment(this.#options.sql, this.#lease, merged.record);
      await store.put(merged.key, merged.body, merged.record);
      await this.#prove(merged.key, merged.record);
      await finishSegment(this.#options.sql, this.#lease, merged.record);
      for (const { key } of segments) await store.delete(key);
      this.#done.merged += segments.length;
      this.#done.into++;
      onProgress?.({ ...this.#done });
    }
  }

  /** What a predecessor has recorded may be there or not: the same range is put again, under the same key. */
  async #finishRecorded(): Promise<void> {
    const { sql, store, stream } = this.#options;
    const recorded = (await readLease(sql, this.#lease))?.pendingSegment as SegmentRecord | null | undefined;
    if (!recorded) return;
    const parts: KnownSegment[] = [];
    for await (const { ids, ...segment } of listSegments(store, stream, { fromMs: parseEntryId(recorded.first).ms })) {
      if (ids === undefined || positionsOf(ids).last < parseEntryId(recorded.first).position) continue;
      if (positionsOf(ids).first > parseEntryId(recorded.last).position) break;
      const before = parts.at(-1);
      if (before === undefined || !isWithin(ids, before.ids)) parts.push({ ...segment, ids });
    }
    const [first] = parts;
    const key = segmentKey(stream, recorded.first, recorded.last);
    if (first?.key !== key) {
      const merged = await mergeSegments(store, stream, parts, this.#keeper.signal);
      if (merged.record.sha256 !== recorded.sha256 || merged.key !== key) {
        throw new NotCompactableError(
          `Cannot finish ${key}, which was recorded: the archive holds other entries there`,
        );
      }
      this.#keeper.check();
      await store.put(key, merged.body, merged.record);
    }
    await this.#prove(key, recorded);
    await finishSegment(sql, this.#lease, recorded);
  }

  /** Reads a merged object back, since what it was made of is removed next. */
  async #prove(key: string, { first, last, sha256, count }: SegmentRecord): Promise<void> {
    const { store, stream } = this.#options;
    const pages = scanSegment(stream, { key, bytes: 0, ids: { first, last } }, await store.get(key));
    let page = await pages.next();
    while (!page.done) page = await pages.next();
    if (page.value.sha256 !== sha256 || page.value.count !== count) {
      throw new DamagedSegmentError(key, "it is not what was put");
    }
    this.#keeper.check();
  }

  async #removeSuperseded({ outer, inner }: SupersededGroup): Promise<void> {
    const { store, stream } = this.#options;
    const { within } = await scanOuter(store, stream, outer, inner);
    for (const [i, segment] of inner.entries()) {
      const own = await scanOuter(store, stream, segment, []);
      if (own.sha256 !== within[i]) {
        throw new NotCompactableError(
          `Cannot compact ${stream}: ${segment.key} lies within ${outer.key}, and holds other lines`,
        );
      }
      this.#keeper.check();
      await store.delete(segment.key);
      this.#done.superseded++;
    }
  }
}

function isClosed(date: string, now: number): boolean {
  return now >= Date.parse(date) + DAY_MS + CLOSED_MS;
}
