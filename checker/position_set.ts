/** Positions from one to another, both included. */
export interface PositionRange {
  readonly first: number;
  readonly last: number;
}

/** A set of positions, kept as ranges: what has no hole takes the room of one range. */
export class PositionSet {
  /** Ascending, and apart from each other. */
  readonly #ranges: { first: number; last: number }[] = [];

  /** Puts in a range of positions. */
  add(first: number, last: number = first): void {
    const ranges = this.#ranges;
    const end = ranges.at(-1);
    if (end !== undefined && first === end.last + 1) {
      end.last = last;
      return;
    }
    // The ranges that touch the new one become one with it.
    const from = this.#indexOf(first - 1);
    let to = from;
    let range = { first, last };
    while (to < ranges.length && ranges[to]!.first <= last + 1) {
      range = { first: Math.min(range.first, ranges[to]!.first), last: Math.max(range.last, ranges[to]!.last) };
      to++;
    }
    ranges.splice(from, to - from, range);
  }

  /** Whether a position is in the set. */
  has(position: number): boolean {
    const range = this.#ranges[this.#indexOf(position)];
    return range !== undefined && range.first <= position;
  }

  /** The ranges between two positions, both included, that are not in the set. */
  *missing(first: number, last: number): Generator<PositionRange> {
    let next = first;
    for (let i = this.#indexOf(first); next <= last && i < this.#ranges.length; i++) {
      const range = this.#ranges[i]!;
      if (range.first > next) yield { first: next, last: Math.min(last, range.first - 1) };
      next = range.last + 1;
    }
    if (next <= last) yield { first: next, last };
  }

  /** The index of the first range that ends at the position or after it. */
  #indexOf(position: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle]!.last < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
