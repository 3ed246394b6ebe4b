import { compareEntryIds, type Entry } from "@events-pipeline/common";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { backoffMs, sleep } from "@events-pipeline/common/retry";
import type { AnswerTimes } from "./answer_times.ts";
import { type StreamReply, toEntries } from "./stream_reply.ts";

/** Somebody who has caught up with a stream. */
export interface Waiter {
  /** The stream. */
  readonly stream: string;
  /** The last id that the waiter has seen. */
  readonly after: string;
  /** Ends the waiting. */
  readonly wake: () => void;
}

/** What {@linkcode StreamWatch} works with. */
export interface StreamWatchOptions {
  /** For commands that return at once. */
  readonly redis: RedisConnection;
  /** For the reads that block. */
  readonly blocking: RedisConnection;
  /** Told how long answers take. */
  readonly times: AnswerTimes;
  /** Told what a read has brought of a stream, from an id on, before those who wait for it wake. */
  readonly onEntries: (stream: string, after: string, entries: readonly Entry[]) => void;
  /** Told which streams could not be read, before those who wait for them wake, to see for themselves. */
  readonly onFailure: (streams: readonly string[]) => void;
  /** Where failures are told. */
  readonly logger: Logger;
}

/** How long one blocking read may block. Only a backstop: a new waiter unblocks it. */
const BLOCK_MS = 5_000;

/** How much a blocking read takes of each stream, at most. */
const BLOCK_COUNT = 1_000;

/** Watches streams that one command may read, by one blocking XREAD after the other, as long as anybody waits. */
export class StreamWatch {
  readonly #options: StreamWatchOptions;
  readonly #waiters = new Set<Waiter>();
  #watching: ReadonlyMap<string, string> | undefined;
  #watch: Promise<void> | undefined;
  #blockingClientId: Promise<unknown> = Promise.resolve(0);
  #failures = 0;

  constructor(options: StreamWatchOptions) {
    this.#options = options;
  }

  /** Takes up a waiter: starts a blocking read, or interrupts the one under way if it would not see what the waiter waits for. */
  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
    this.#watch ??= this.#run().finally(() => this.#watch = undefined);
    const watched = this.#watching?.get(waiter.stream);
    if (this.#watching === undefined || (watched !== undefined && compareEntryIds(watched, waiter.after) <= 0)) return;
    this.#unblock(waiter.stream).catch((error) =>
      this.#options.logger.debug("Cannot interrupt the blocking read", { error: describeError(error) })
    );
  }

  /** Lets a waiter go. */
  delete(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }

  async #run(): Promise<void> {
    const { blocking, times, logger } = this.#options;
    // The workers that one reply wakes come back to wait together: let them, before the next read begins.
    await Promise.resolve();
    while (this.#waiters.size > 0) {
      const watching = new Map<string, string>();
      for (const { stream, after } of this.#waiters) {
        const lowest = watching.get(stream);
        if (lowest === undefined || compareEntryIds(after, lowest) < 0) watching.set(stream, after);
      }
      this.#watching = watching;
      try {
        const [stream] = watching.keys();
        // Sent just before the read, on the same connection: the id changes when the connection is made anew.
        this.#blockingClientId = blocking.callAt(stream!, "CLIENT", "ID");
        this.#blockingClientId.catch(() => {});
        const ids = [...watching.keys(), ...watching.values()];
        const read = () => blocking.call("XREAD", "COUNT", BLOCK_COUNT, "BLOCK", BLOCK_MS, "STREAMS", ...ids);
        const reply = await times.track(BLOCK_MS, read) as StreamReply;
        this.#failures = 0;
        for (const [stream, entries] of toEntries(reply)) this.#deliver(stream, watching.get(stream)!, entries);
      } catch (error) {
        if (this.#waiters.size === 0) break;
        const waitMs = backoffMs(++this.#failures, { baseMs: 100, maxMs: 5_000 });
        logger.warn("Cannot watch the streams", { retryInMs: waitMs, error: describeError(error) });
        await sleep(waitMs);
        // A stream that cannot be read shall be the trouble of its own consumers alone: each reads for itself, and sees.
        this.#options.onFailure([...watching.keys()]);
        for (const waiter of [...this.#waiters]) waiter.wake();
      } finally {
        this.#watching = undefined;
      }
      await Promise.resolve();
    }
  }

  #deliver(stream: string, after: string, entries: readonly Entry[]): void {
    this.#options.onEntries(stream, after, entries);
    for (const waiter of [...this.#waiters]) {
      if (waiter.stream !== stream) continue;
      this.#waiters.delete(waiter);
      waiter.wake();
    }
  }

  async #unblock(stream: string): Promise<void> {
    await this.#options.redis.callAt(stream, "CLIENT", "UNBLOCK", String(await this.#blockingClientId));
  }
}
