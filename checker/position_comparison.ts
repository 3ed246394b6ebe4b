import { readRetention } from "@events-pipeline/publisher/stream_retention";
import type { Sql } from "postgres";
import type { TextForm } from "./digest.ts";
import { type ComparedRow, countRows, findEvents, readRowsAt, rowPages } from "./outbox_rows.ts";
import { type PositionRange, PositionSet } from "./position_set.ts";
import type { StageEntry } from "./stage_entry.ts";
import type { Example, StageFindings } from "./stage_report.ts";
import { StrayNames } from "./stray_names.ts";

/** What a {@linkcode PositionComparison} works with. */
export interface PositionComparisonOptions {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** The stream. */
  readonly stream: string;
  /** The last position that the stage must hold. */
  readonly upTo: number;
  /** How the stage holds metadata and payload. */
  readonly form: TextForm;
  /** Where faults are counted. */
  readonly findings: StageFindings;
  /** Reads anew up to which position the stage need not hold anything. @default none */
  readonly clearedTo?: () => Promise<number>;
  /** Reads all of the stage again; asked for only when entries are strange that the outbox may have cleaned up. */
  readonly again: () => AsyncIterable<readonly StageEntry[]>;
}

/** Entries that are not in their place, before they are named; then what is known by now must do. */
const MAX_STRAYS = 50_000;

/** Ranges that are asked for at once. */
const RANGES = 1_000;

/**
 * Compares a stage whose entries have positions with the outbox, page by page. Each position is expected once, with the event
 * that the outbox has there. Where the outbox is cleaned up, positions are counted and nothing more.
 *
 * Memory grows with the faults only: what was seen is kept as ranges, and strange entries are named 50,000 at a time.
 */
export class PositionComparison {
  readonly #options: PositionComparisonOptions;
  readonly #seen = new PositionSet();
  readonly #names: StrayNames;
  readonly #leftOut: PositionRange[] = [];
  #strays: Stray[] = [];
  #cleanedTo = 0;
  #highest = 0;

  /** Made for one stage of one stream. */
  constructor(options: PositionComparisonOptions) {
    this.#options = options;
    this.#names = new StrayNames(options.findings);
  }

  /** Takes the next entries, in the stage's order. */
  async take(page: readonly StageEntry[]): Promise<void> {
    const { sql, stream, form, findings } = this.#options;
    const positions = page.map((entry) => entry.position).filter((position) => this.#isExpected(position));
    const rows = await readRowsAt(sql, stream, positions, form);
    if (positions.some((position) => position > this.#cleanedTo && !rows.has(position))) {
      this.#cleanedTo = (await readRetention(sql, stream)).cleanedTo;
    }
    findings.events += page.length;
    for (const entry of page) this.#place(entry, rows.get(entry.position));
    if (this.#strays.length >= MAX_STRAYS) await this.#nameStrays();
  }

  /** Takes an entry that stands where the stage must not hold any. */
  takeStray(entry: StageEntry): void {
    this.#options.findings.events++;
    this.#strays.push({ entry, inPlace: false });
  }

  /** Takes positions that are told of otherwise: they are not expected any more. */
  leaveOut(range: PositionRange): void {
    if (range.first <= range.last) this.#leftOut.push(range);
  }

  /** Names what is strange, and counts what is not there. */
  async finish(): Promise<void> {
    await this.#nameStrays();
    await this.#names.finish(this.#options.again);
    for (const { first, last } of this.#leftOut) this.#seen.add(first, last);
    const cleared = await this.#options.clearedTo?.() ?? 0;
    let ranges: PositionRange[] = [];
    for (const range of this.#seen.missing(cleared + 1, this.#options.upTo)) {
      ranges.push(range);
      if (ranges.length < RANGES) continue;
      await this.#countMissing(ranges);
      ranges = [];
    }
    await this.#countMissing(ranges);
  }

  #isExpected(position: number): boolean {
    return position >= 1 && position <= this.#options.upTo;
  }

  #place(entry: StageEntry, row: ComparedRow | undefined): void {
    const { position, eventId, entryId, object } = entry;
    const { findings } = this.#options;
    const taken = !this.#isExpected(position) || this.#seen.has(position);
    if (taken || (row !== undefined && row.eventId !== eventId)) {
      this.#strays.push({ entry, inPlace: false });
      return;
    }
    this.#seen.add(position);
    const known = row !== undefined || position <= this.#cleanedTo;
    if (!known || eventId === undefined) this.#strays.push({ entry, inPlace: true });
    if (position < this.#highest) {
      const detail = `it comes after position ${this.#highest}`;
      return findings.add({ fault: "outOfOrder", eventId, entryId, object, detail });
    }
    this.#highest = position;
    const detail = row && difference(row, entry);
    if (detail !== undefined) findings.add({ fault: "altered", eventId, entryId, object, detail });
  }

  /** Finds out what the entries are that are not in their place. */
  async #nameStrays(): Promise<void> {
    if (this.#strays.length === 0) return;
    const { sql, stream, findings } = this.#options;
    const strays = this.#strays;
    this.#strays = [];
    const homes = await findEvents(sql, stream, strays.flatMap(({ entry }) => entry.eventId ?? []));
    for (const { entry, inPlace } of strays) {
      const { eventId, entryId, object } = entry;
      const home = eventId === undefined ? undefined : homes.get(eventId);
      const example = { eventId, entryId, object };
      if (home?.position !== undefined) {
        const again = this.#seen.has(home.position);
        if (!again) this.#seen.add(home.position);
        const detail = `the outbox has it at position ${home.position}`;
        findings.add({ fault: again ? "duplicated" : "outOfOrder", ...example, detail });
      } else if (home !== undefined) {
        findings.add({ fault: "unexpected", ...example, detail: "its outbox row is not marked as published" });
      } else if (eventId === undefined) {
        findings.add({ fault: "unexpected", ...example, detail: "no publisher wrote it" });
      } else if (!inPlace) {
        // Where nothing was ever cleaned up, the outbox knows every event.
        if (this.#cleanedTo === 0) this.#names.addUnknown(example);
        else this.#names.addDoubtful(eventId, example);
      }
      // An entry in its place whose row is gone: the fault is the outbox's, and is counted there.
    }
  }

  async #countMissing(ranges: readonly PositionRange[]): Promise<void> {
    if (ranges.length === 0) return;
    const { sql, stream, findings } = this.#options;
    const positions = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    const rows = await countRows(sql, stream, ranges);
    const examples = await this.#missingExamples(ranges, rows, positions - rows);
    for (const example of examples) findings.add(example);
    const told = (fault: Example["fault"]): number => examples.filter((example) => example.fault === fault).length;
    findings.count("lost", rows - told("lost"));
    findings.count("missing", positions - rows - told("missing"));
  }

  async #missingExamples(ranges: readonly PositionRange[], lost: number, missing: number): Promise<readonly Example[]> {
    const { sql, stream, findings } = this.#options;
    const examples: Example[] = [];
    let wanted = Math.min(lost, findings.wants("lost"));
    let wantedPositions = Math.min(missing, findings.wants("missing"));
    for (const range of ranges) {
      if (wanted === 0 && wantedPositions === 0) break;
      const known = new Set<number>();
      for await (const page of rowPages(sql, stream, range, wanted)) {
        for (const { eventId, entryId, position } of page) {
          known.add(position);
          examples.push({ fault: "lost", eventId, entryId });
          wanted--;
        }
      }
      if (wantedPositions === 0 || (lost > 0 && wanted === 0)) continue;
      for (let position = range.first; position <= range.last && wantedPositions > 0; position++) {
        if (known.has(position)) continue;
        examples.push({ fault: "missing", position });
        wantedPositions--;
      }
    }
    return examples;
  }
}

/** An entry that is not in its place, or in a place that the outbox knows nothing of. */
interface Stray {
  readonly entry: StageEntry;
  readonly inPlace: boolean;
}

/** What of an entry is not what the outbox says. */
function difference(row: ComparedRow, entry: StageEntry): string | undefined {
  const fields = [
    ...(row.entryId === entry.entryId ? [] : [`entry id (the outbox has ${row.entryId})`]),
    ...(row.eventType === entry.eventType ? [] : [`type (the outbox has ${row.eventType})`]),
    ...(row.time === entry.time ? [] : [`time (the outbox has ${row.time})`]),
    ...(row.digest === entry.digest ? [] : ["metadata or payload"]),
  ];
  return fields.length === 0 ? undefined : `another ${fields.join(", ")}`;
}
