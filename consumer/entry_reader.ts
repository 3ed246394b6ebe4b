import { type Entry, parseEntryId } from "@events-pipeline/common";
import type { Logger } from "@events-pipeline/common/logger";
import type { Consumer } from "./define_consumer.ts";
import { gapError, orderOf } from "./entry_order.ts";
import type { EntrySource } from "./entry_source.ts";
import type { History } from "./history.ts";
import { ReadSize } from "./read_size.ts";

/** What {@linkcode EntryReader} works with. */
export interface EntryReaderOptions {
  /** Where entries are read. */
  readonly source: EntrySource;
  /** Where entries are read that Redis no longer has. */
  readonly history: History;
  /** Told what is read from there. */
  readonly logger: Logger;
}

/** What comes behind a checkpoint. */
export interface NextEntries {
  /** The entries, without a hole; none when the stream has no more now. */
  readonly entries: readonly Entry[];
  /** Whether events that were read before may come again among them, under other ids. */
  readonly rewritten: boolean;
}

/** How often a stream that seems to be at its end is asked whether it has lost its last entries, in milliseconds. */
const TAIL_MS = 5_000;

/** Reads a consumer's stream without a hole: from Redis, or from the history what Redis no longer has. */
export class EntryReader {
  readonly #consumer: Pick<Consumer, "stream" | "name">;
  readonly #options: EntryReaderOptions;
  readonly #size = new ReadSize();
  #tailAt = 0;

  constructor(consumer: Pick<Consumer, "stream" | "name">, options: EntryReaderOptions) {
    this.#consumer = consumer;
    this.#options = options;
  }

  /**
   * The next entries.
   *
   * @throws {GapError} the next one is missing everywhere
   */
  async next(checkpoint: string): Promise<NextEntries> {
    const { stream } = this.#consumer;
    const entries = await this.#options.source.read(stream, checkpoint, this.#size.count);
    const next = await (entries.length === 0 ? this.#tail(checkpoint) : this.#fill(checkpoint, entries));
    this.#size.note(next.entries);
    return next;
  }

  /** As many of the entries as follow the checkpoint without a hole, or what is in the hole in front of them. */
  async #fill(checkpoint: string, entries: readonly Entry[]): Promise<NextEntries> {
    const { dense, missing, rewritten } = orderOf(checkpoint, entries);
    if (dense > 0 || missing === undefined) return { entries: entries.slice(0, dense), rewritten };
    const { entryId } = entries[0]!;
    const upTo = parseEntryId(entryId).position - 1;
    return await this.#readHistory(checkpoint, { from: missing, upTo, before: `entry ${entryId}` });
  }

  /** When Redis has nothing behind the checkpoint, the stream may have been trimmed beyond it: its last id says so. */
  async #tail(checkpoint: string): Promise<NextEntries> {
    const { source } = this.#options;
    const { stream } = this.#consumer;
    if (performance.now() < this.#tailAt) return { entries: [], rewritten: false };
    const last = await source.lastId(stream);
    const { position } = parseEntryId(checkpoint);
    const upTo = parseEntryId(last).position;
    // It may have come since.
    const entries = upTo > position ? await source.readNow(stream, checkpoint, this.#size.count) : [];
    if (entries.length > 0) return await this.#fill(checkpoint, entries);
    if (upTo > position) {
      return await this.#readHistory(checkpoint, { from: position + 1, upTo, before: `its end, ${last}` });
    }
    this.#tailAt = performance.now() + TAIL_MS;
    return { entries: [], rewritten: false };
  }

  async #readHistory(
    checkpoint: string,
    { from, upTo, before }: { readonly from: number; readonly upTo: number; readonly before: string },
  ): Promise<NextEntries> {
    const { history, logger } = this.#options;
    const { stream, name } = this.#consumer;
    const entries = await history.read(stream, from - 1, upTo, this.#size.count);
    if (entries.length === 0) throw gapError(stream, checkpoint, from, before);
    logger.info("Reading what Redis no longer has", { consumer: name, stream, from, events: entries.length, upTo });
    return { entries, rewritten: false };
  }
}
