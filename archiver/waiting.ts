import { parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { Sql } from "postgres";
import { sumSizes } from "./outbox_sizes.ts";
import { dateOf, type SegmentLimits } from "./segment.ts";

/** Where a stream stands. */
export interface WaitingRange {
  /** An entry id: everything up to here is archived. */
  readonly checkpoint: string;
  /** An entry id: everything up to here is published. */
  readonly published: string;
}

/**
 * What of one stream waits to be archived, and whether it fills a segment. What it has counted once it remembers, so that a look costs
 * no more than what came in since the last one.
 */
export class Waiting {
  readonly #sql: Sql;
  readonly #stream: string;
  #checkpoint: string | undefined;
  #countedTo = 0;
  #bytes = 0;
  #firstId: string | undefined;
  #events = 0;

  /** Nothing is known yet. */
  constructor(sql: Sql, stream: string) {
    this.#sql = sql;
    this.#stream = stream;
  }

  /** How many entries wait. */
  get events(): number {
    return this.#events;
  }

  /** When the first one that waits was published, in Unix milliseconds; when nobody knows, not later than that. */
  get firstMs(): number | undefined {
    return this.#events === 0 ? undefined : parseEntryId(this.#firstId!).ms;
  }

  /** Looks what waits, and whether it is to be archived now. */
  async due(range: WaitingRange, limits: SegmentLimits, now: number): Promise<boolean> {
    await this.#count(range, limits);
    if (this.#events === 0) return false;
    return this.#events >= limits.count || this.#bytes >= limits.bytes || now - this.firstMs! >= limits.ageMs ||
      // Nothing can be added to the segment of a day that is over.
      dateOf(this.#firstId!) !== dateOf(range.published);
  }

  async #count({ checkpoint, published }: WaitingRange, limits: SegmentLimits): Promise<void> {
    const from = parseEntryId(checkpoint).position;
    this.#events = Math.max(0, parseEntryId(published).position - from);
    if (this.#checkpoint !== checkpoint) {
      this.#checkpoint = checkpoint;
      this.#countedTo = from;
      this.#bytes = 0;
      this.#firstId = undefined;
    }
    // A segment that is full by count need not be weighed, but its first entry's age is told.
    const upTo = from + Math.min(this.#events, this.#events >= limits.count ? 1 : limits.count);
    if (upTo > this.#countedTo) {
      const { bytes, first } = await sumSizes(this.#sql, this.#stream, this.#countedTo, upTo);
      if (this.#countedTo === from && first !== undefined && parseEntryId(first).position === from + 1) {
        this.#firstId = first;
      }
      this.#bytes += bytes;
      this.#countedTo = upTo;
    }
    // Rows that the outbox no longer has were published long ago, and after what is archived.
    this.#firstId ??= checkpoint === ZERO_ENTRY_ID ? published : checkpoint;
  }
}
