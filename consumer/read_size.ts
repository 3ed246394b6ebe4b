import type { Entry } from "@events-pipeline/common";

/** How many entries are read at once, at most. */
const MOST = 1_000;

/** How many at first, when nothing is known of them. */
const FIRST = 50;

/** About how many characters of payload are read at once. */
const LENGTH = 2_000_000;

/** How many entries to read at once, so that neither many small ones nor a few large ones take much memory. */
export class ReadSize {
  #count = FIRST;

  /** How many. */
  get count(): number {
    return this.#count;
  }

  /** Learns from what has been read. */
  note(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const length = entries.reduce((sum, { payload, metadata }) => sum + payload.length + metadata.length, 1);
    this.#count = Math.max(1, Math.min(MOST, Math.floor(LENGTH / (length / entries.length))));
  }
}
