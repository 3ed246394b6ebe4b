import type { Entry } from "@events-pipeline/common";

export { OutboxHistory } from "@events-pipeline/producer/outbox_history";

/** Where entries are found that Redis no longer has. */
export interface History {
  /**
   * Reads entries of a stream in order, as far as they follow each other without a hole.
   *
   * @param after the position in front of the first one
   * @param upTo the last position that is wanted
   * @param count how many, at most
   * @returns none when it does not have the first one
   */
  read(stream: string, after: number, upTo: number, count: number): Promise<readonly Entry[]>;
  /** The id of the last entry before a time; `undefined` when this does not reach back so far. */
  lastBefore(stream: string, ms: number): Promise<string | undefined>;
}

/** Asks one history after the other: the outbox, which is near, then the archive. */
export class Histories implements History {
  readonly #histories: readonly History[];

  /**
   * Asks nothing yet.
   *
   * @param histories the nearest first
   */
  constructor(histories: readonly History[]) {
    this.#histories = histories;
  }

  /** Reads from the first one that has the entry. */
  async read(stream: string, after: number, upTo: number, count: number): Promise<readonly Entry[]> {
    for (const history of this.#histories) {
      const entries = await history.read(stream, after, upTo, count);
      if (entries.length > 0) return entries;
    }
    return [];
  }

  /** Asks one after the other. */
  async lastBefore(stream: string, ms: number): Promise<string | undefined> {
    for (const history of this.#histories) {
      const id = await history.lastBefore(stream, ms);
      if (id !== undefined) return id;
    }
    return undefined;
  }
}
