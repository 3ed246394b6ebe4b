import { parseEntryId } from "@events-pipeline/common";
import { readLease } from "@events-pipeline/common/lease";
import type { Sql } from "postgres";
import { type ArchivedSegment, listSegments, positionsOf } from "../archived_segments.ts";
import { MissingObjectError, type ObjectStore } from "../object_store.ts";
import { lastSegmentBefore } from "../read/find_day.ts";
import { DamagedSegmentError, scanSegment } from "../read/scan_segment.ts";
import { isWithin, type KnownSegment, scanOuter } from "../read/superseded.ts";
import { dateOf, segmentKey, type SegmentRecord } from "../segment.ts";
import { type ArchiveFault, ArchiveFaults } from "./archive_fault.ts";
import { countOutbox } from "./outbox_days.ts";

/** What {@linkcode verifyStream} works with. */
export interface VerifyOptions {
  /** The archive. */
  readonly store: ObjectStore;
  /** The stream. */
  readonly stream: string;
  /** A pool on the producers' database, to compare with. Without it the end of the archive cannot be known. @default none */
  readonly sql?: Sql | undefined;
  /** The first moment of a day, in Unix milliseconds: what is older is not looked at. @default all is */
  readonly fromMs?: number | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each object how much has been read. */
  readonly onProgress?: ((progress: { readonly segments: number; readonly events: number }) => void) | undefined;
}

/** What was found of a stream's archive. */
export interface VerifiedStream {
  /** The stream. */
  readonly stream: string;
  /** How many days have segments. */
  readonly days: number;
  /** How many segments there are, without superseded ones. */
  readonly segments: number;
  /** How many objects a longer one has superseded: a compaction was ended by force, and the next one removes them. */
  readonly superseded: number;
  /** How many events were read and found to be right. */
  readonly events: number;
  /** How many bytes they have, gzipped. */
  readonly bytes: number;
  /** The id of the first entry, if there is one. */
  readonly first: string | undefined;
  /** The id of the last one. */
  readonly last: string | undefined;
  /** How many events were counted in the outbox, and had to be there; `undefined` without a database. */
  readonly compared: number | undefined;
  /** How many faults there are; 0 when the archive is whole. */
  readonly faultCount: number;
  /** The first thousand of them. */
  readonly faults: readonly ArchiveFault[];
}

/** Superseded objects are compared so many at a time. */
const INNER = 1_000;

const DAY_MS = 86_400_000;

/**
 * Proves that a stream's archive is whole: no gap and no overlap by the keys; by the lines, that each parses, that positions are
 * dense, that count and SHA-256 are as recorded. With a database also that it reaches as far as the archiver says, and that the outbox has
 * as many events of each day that it still holds. Holds an object at a time. Archivers and compactions may run meanwhile.
 *
 * @throws {Error} the store or the database does not answer
 */
export async function verifyStream(options: VerifyOptions): Promise<VerifiedStream> {
  const verification = new Verification(options);
  await verification.run();
  return verification.result;
}

/** A place in the stream from which it goes on. */
interface Place {
  readonly ms: number;
  readonly position: number;
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #faults = new ArchiveFaults();
  readonly #counts = { days: 0, segments: 0, superseded: 0, events: 0, bytes: 0, compared: 0 };
  /** What has been verified; without a position it begins with the first segment that there is. */
  #place: Place | undefined;
  /** The position at which something was missing once: the second time it is a fault. */
  #doubted: number | undefined;
  /** What was told of already, when a listing begins anew. */
  readonly #told = new Set<string>();
  #first: string | undefined;
  #last: string | undefined;
  #day: { readonly date: string; readonly first: number; last: number } | undefined;
  #pending: SegmentRecord | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
    if (options.fromMs === undefined) this.#place = { ms: 0, position: 0 };
  }

  get result(): VerifiedStream {
    const { compared, ...counts } = this.#counts;
    return {
      stream: this.#options.stream,
      ...counts,
      compared: this.#options.sql === undefined ? undefined : compared,
      first: this.#first,
      last: this.#last,
      faultCount: this.#faults.count,
      faults: this.#faults.told,
    };
  }

  async run(): Promise<void> {
    const end = await this.#readEnd();
    await this.#begin();
    while (!await this.#list(end?.least));
    await this.#endDay();
    const most = await this.#readEnd();
    if (most !== undefined && this.#place !== undefined && this.#place.position > most.most) {
      const detail = `the archiver has come to position ${most.most}`;
      this.#faults.add({ kind: "foreign", first: most.most + 1, last: this.#place.position, detail });
    }
  }

  /** A part begins behind what comes before it, unless that has expired. */
  async #begin(): Promise<void> {
    const { store, stream, fromMs } = this.#options;
    if (fromMs === undefined) return;
    const before = await lastSegmentBefore(store, stream, fromMs);
    if (before !== undefined) this.#place = { ms: fromMs, position: positionsOf(before.ids).last };
  }

  /** What the archive must hold by the archiver's own account, and what it may hold: a segment is put before the checkpoint moves. */
  async #readEnd(): Promise<{ readonly least: Place; readonly most: number } | undefined> {
    const { sql, stream } = this.#options;
    const state = sql && await readLease(sql, { stream, role: "archiver" });
    if (state === undefined) return undefined;
    this.#pending = state.pendingSegment as SegmentRecord | undefined ?? undefined;
    const least = parseEntryId(state.checkpoint);
    return {
      least,
      most: this.#pending === undefined ? least.position : parseEntryId(this.#pending.last).position,
    };
  }

  /** Goes through a listing. @returns whether it has come to the end: it begins anew where objects seem to be gone */
  async #list(end: Place | undefined): Promise<boolean> {
    const { store, stream, fromMs = 0, signal } = this.#options;
    let outer: KnownSegment | undefined;
    let inner: KnownSegment[] = [];
    /** How far this listing has come: one that begins anew may find a new object that holds the place. */
    let reached = 0;
    /** Whether the inner ones before were compared, so that the outer one is not counted again. */
    let again = false;
    try {
      for await (const segment of listSegments(store, stream, { fromMs: Math.max(fromMs, this.#place?.ms ?? 0) })) {
        signal?.throwIfAborted();
        const known = this.#known(segment);
        if (known === undefined) continue;
        if (outer !== undefined && isWithin(known.ids, outer.ids)) {
          inner.push(known);
          if (inner.length < INNER) continue;
          await this.#verify(outer, inner, again);
          inner = [];
          again = true;
          continue;
        }
        if (outer !== undefined) await this.#verify(outer, inner, again);
        [outer, inner, again] = [undefined, [], false];
        const { last } = positionsOf(known.ids);
        if (this.#place === undefined || last > this.#place.position) {
          if (!this.#follows(known, reached)) return false;
          outer = known;
        }
        reached = Math.max(reached, last);
      }
      if (outer !== undefined) await this.#verify(outer, inner, again);
    } catch (error) {
      if (!(error instanceof MissingObjectError) || this.#isCertain(this.#place?.position ?? 0)) throw error;
      return false;
    }
    const at = this.#place?.position ?? 0;
    if (end === undefined || at >= end.position || end.ms < fromMs) return true;
    if (!this.#isCertain(at)) return false;
    const missing = { first: at + 1, last: end.position };
    this.#faults.add({
      kind: "missing",
      ...missing,
      detail: `${countOf(missing)} in no object, up to the archiver's end`,
    });
    return true;
  }

  /** Whether the same was found at this place by a listing before. */
  #isCertain(position: number): boolean {
    const certain = this.#doubted === position;
    this.#doubted = position;
    // What holds the place now may begin anywhere in its day.
    if (!certain && this.#place !== undefined) {
      this.#place = { ...this.#place, ms: this.#place.ms - this.#place.ms % DAY_MS };
    }
    return certain;
  }

  #known(segment: ArchivedSegment): KnownSegment | undefined {
    const { key, ids } = segment;
    if (ids === undefined) return this.#tell({ kind: "foreign", key, detail: "it has not the name of a segment" });
    const place = segmentKey(this.#options.stream, ids.first, ids.last);
    const { first, last } = positionsOf(ids);
    if (key !== place) return this.#tell({ kind: "misplaced", key, first, last, detail: `it belongs under ${place}` });
    if (first > last) return this.#tell({ kind: "foreign", key, detail: "its first position is behind its last" });
    return { ...segment, ids };
  }

  #tell(fault: ArchiveFault & { readonly key: string }): undefined {
    if (!this.#told.has(fault.key)) this.#faults.add(fault);
    this.#told.add(fault.key);
  }

  /** Whether a segment follows what was verified; `false` when the listing is to begin anew, to make sure that it does not. */
  #follows({ key, ids }: KnownSegment, reached: number): boolean {
    const { first, last } = positionsOf(ids);
    if (first <= reached) {
      const overlap = { first, last: reached };
      this.#faults.add({ kind: "overlap", key, ...overlap, detail: `${countOf(overlap)} in an earlier object, too` });
      return true;
    }
    const at = this.#place;
    if (at === undefined || first <= at.position) return true;
    if (this.#last !== undefined && parseEntryId(ids.first).ms < parseEntryId(this.#last).ms) {
      this.#tell({ kind: "damaged", key, first, last, detail: `it begins before the time of ${this.#last}` });
    }
    if (first === at.position + 1) return true;
    if (!this.#isCertain(at.position)) return false;
    const missing = { first: at.position + 1, last: first - 1 };
    this.#faults.add({ kind: "missing", ...missing, detail: `${countOf(missing)} in no object` });
    return true;
  }

  async #verify(outer: KnownSegment, inner: readonly KnownSegment[], again: boolean): Promise<void> {
    const { first, last } = positionsOf(outer.ids);
    const within = await this.#scan(outer, inner);
    for (const [i, segment] of inner.entries()) await this.#verifyInner(segment, within?.[i]);
    if (again) return;
    await this.#countDay(dateOf(outer.ids.first), first, last);
    this.#counts.segments++;
    if (within !== undefined) {
      this.#counts.events += last - Math.max(first - 1, this.#place?.position ?? 0);
      this.#counts.bytes += outer.bytes;
    }
    this.#first ??= outer.ids.first;
    this.#last = outer.ids.last;
    const position = Math.max(last, this.#place?.position ?? 0);
    this.#place = { ms: parseEntryId(outer.ids.last).ms, position };
    this.#options.onProgress?.({ segments: this.#counts.segments, events: this.#counts.events });
  }

  /** @returns the SHA-256 of what the segment holds where the others lie; `undefined` when it is damaged */
  async #scan(outer: KnownSegment, inner: readonly KnownSegment[]): Promise<readonly string[] | undefined> {
    const { store, stream } = this.#options;
    try {
      const { sha256, count, within } = await scanOuter(store, stream, outer, inner);
      const recorded = this.#pending;
      const isPending = recorded !== undefined && recorded.first === outer.ids.first &&
        recorded.last === outer.ids.last;
      if (isPending && (recorded.sha256 !== sha256 || recorded.count !== count)) {
        this.#damaged(outer, "it is not what the archiver has recorded");
      }
      return within;
    } catch (error) {
      if (!(error instanceof DamagedSegmentError)) throw error;
      this.#damaged(outer, error.reason);
      return undefined;
    }
  }

  #damaged({ key, ids }: KnownSegment, detail: string): void {
    this.#tell({ kind: "damaged", key, ...positionsOf(ids), detail });
  }

  async #verifyInner(segment: KnownSegment, expected: string | undefined): Promise<void> {
    const { store, stream } = this.#options;
    try {
      const pages = scanSegment(stream, segment, await store.get(segment.key));
      let page = await pages.next();
      while (!page.done) page = await pages.next();
      if (page.value.sha256 === expected) this.#counts.superseded++;
      else if (expected !== undefined) {
        const detail = "it lies within a longer object that holds other lines";
        this.#tell({ kind: "duplicate", key: segment.key, ...positionsOf(segment.ids), detail });
      }
    } catch (error) {
      if (error instanceof MissingObjectError) return; // Removed since, as superseded ones are.
      if (!(error instanceof DamagedSegmentError)) throw error;
      this.#damaged(segment, error.reason);
    }
  }

  async #countDay(date: string, first: number, last: number): Promise<void> {
    if (this.#day?.date !== date) {
      await this.#endDay();
      this.#day = { date, first, last };
      this.#counts.days++;
    }
    this.#day.last = Math.max(this.#day.last, last);
  }

  /** Compares a day with the outbox. */
  async #endDay(): Promise<void> {
    const { sql, stream } = this.#options;
    const day = this.#day;
    this.#day = undefined;
    if (sql === undefined || day === undefined) return;
    const dayMs = Date.parse(day.date);
    const held = await countOutbox(sql, stream, { ...day, dayMs });
    const expected = Math.max(0, day.last - held.first + 1);
    this.#counts.compared += expected;
    if (held.rows === expected && held.ofDay === expected) return;
    this.#faults.add({
      kind: "differs from the outbox",
      first: held.first,
      last: day.last,
      detail: `on ${day.date} the outbox has ${held.ofDay} of ${expected} events`,
    });
  }
}

function countOf({ first, last }: { readonly first: number; readonly last: number }): string {
  const count = last - first + 1;
  return count === 1 ? "1 entry is" : `${count} entries are`;
}
