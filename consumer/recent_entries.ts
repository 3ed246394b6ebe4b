import type { Entry } from "@events-pipeline/common";

/** What the last blocking read has brought is kept for slower workers, up to so many characters of payload. */
const KEEP_LENGTH = 1_000_000;

/** What the last blocking read has brought of a stream. */
export class RecentEntries {
  readonly #after: string;
  readonly #end: string;
  #entries: readonly Entry[] | undefined;

  /**
   * @param after the id that was read from
   * @param entries what came, not nothing
   */
  constructor(after: string, entries: readonly Entry[]) {
    this.#after = after;
    this.#end = entries.at(-1)!.entryId;
    this.#entries = entries;
  }

  /** The entries behind an id; none behind the last one: whatever has come since, a blocking read says at once. `undefined` if unknown. */
  behind(id: string): readonly Entry[] | undefined {
    if (id === this.#end) return [];
    if (id === this.#after) return this.#entries;
    const at = this.#entries?.findIndex(({ entryId }) => entryId === id) ?? -1;
    return at === -1 ? undefined : this.#entries!.slice(at + 1);
  }

  /** A worker waits behind an id. When that is the last one, others will follow: what is large is not kept for them. */
  passed(id: string): void {
    if (id !== this.#end) return;
    const length = this.#entries?.reduce((sum, { payload }) => sum + payload.length, 0) ?? 0;
    if (length > KEEP_LENGTH) this.#entries = undefined;
  }
}
