import { compareEntryIds, type Entry, fromStreamFields, ZERO_ENTRY_ID } from "@events-pipeline/common";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { backoffMs, sleep } from "@events-pipeline/common/retry";

type StreamReply = [stream: string, entries: [entryId: string, fields: string[]][]][] | null;

interface Waiter {
  readonly stream: string;
  readonly after: string;
  readonly wake: () => void;
}

/** How long one blocking read may block. Only a backstop: a new waiter unblocks it. */
const BLOCK_MS = 5_000;

/** How much a blocking read takes of each stream, at most. */
const BLOCK_COUNT = 1_000;

/**
 * Reads streams for all workers of a process. Whoever has caught up waits here: one blocking XREAD watches all of their streams,
 * and what it brings is handed to every worker that stands at the same place, so it is read from Redis once.
 */
export class EntrySource {
  readonly #redis: RedisConnection;
  readonly #blocking: RedisConnection;
  readonly #logger: Logger;
  readonly #waiters = new Set<Waiter>();
  readonly #recent = new Map<string, { readonly after: string; readonly entries: readonly Entry[] }>();
  #watching: ReadonlyMap<string, string> | undefined;
  #watch: Promise<void> | undefined;
  #blockingClientId: Promise<unknown> = Promise.resolve(0);
  #failures = 0;

  /**
   * @param redis for reads that return at once
   * @param blocking a connection that nobody else uses, with a command time-out well above 5 s
   */
  constructor(redis: RedisConnection, blocking: RedisConnection, logger: Logger) {
    this.#redis = redis;
    this.#blocking = blocking;
    this.#logger = logger;
  }

  /** Up to `count` entries after an id; none when there are none now. */
  async read(stream: string, after: string, count: number): Promise<readonly Entry[]> {
    const recent = this.#recent.get(stream);
    if (recent?.after === after) return recent.entries.slice(0, count);
    const reply = await this.#redis.call("XREAD", "COUNT", count, "STREAMS", stream, after) as StreamReply;
    return toEntries(reply).get(stream) ?? [];
  }

  /** The id of the last entry that a stream has had, also when it was trimmed; `0-0` when there is no stream. */
  async lastId(stream: string): Promise<string> {
    try {
      const info = await this.#redis.call("XINFO", "STREAM", stream) as unknown[];
      return String(info[info.indexOf("last-generated-id") + 1]);
    } catch (error) {
      if (error instanceof Error && /no such key/i.test(error.message)) return ZERO_ENTRY_ID;
      throw error;
    }
  }

  /** The id of the first entry that a stream has; `undefined` when it has none. */
  async firstId(stream: string): Promise<string | undefined> {
    const reply = await this.#redis.call("XRANGE", stream, "-", "+", "COUNT", 1) as [string, string[]][];
    return reply[0]?.[0];
  }

  /** The id of the last entry before a time, if the stream still has it. */
  async lastBefore(stream: string, ms: number): Promise<string | undefined> {
    const reply = await this.#redis.call("XREVRANGE", stream, `(${Math.ceil(ms)}-0`, "-", "COUNT", 1) as [
      string,
      string[],
    ][];
    return reply[0]?.[0];
  }

  /** Waits until the stream seems to have an entry after the id, or the signal fires. May return early: read to see. */
  async waitFor(stream: string, after: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const waiter: Waiter = { stream, after, wake };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", wake);
    this.#recent.delete(stream);
    this.#startWatching(waiter);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", wake);
      this.#waiters.delete(waiter);
    }
  }

  /** Makes sure that a blocking read covers the waiter: starts one, or interrupts the one under way so that it begins anew. */
  #startWatching(waiter: Waiter): void {
    this.#watch ??= this.#watchAll().finally(() => this.#watch = undefined);
    const watched = this.#watching?.get(waiter.stream);
    if (this.#watching === undefined || (watched !== undefined && compareEntryIds(watched, waiter.after) <= 0)) return;
    this.#unblock().catch((error) =>
      this.#logger.debug("Cannot interrupt the blocking read", { error: describeError(error) })
    );
  }

  async #watchAll(): Promise<void> {
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
        // Sent just before the read, on the same connection: the id changes when the connection is made anew.
        this.#blockingClientId = this.#blocking.call("CLIENT", "ID");
        this.#blockingClientId.catch(() => {});
        const ids = [...watching.keys(), ...watching.values()];
        const reply = await this.#blocking
          .call("XREAD", "COUNT", BLOCK_COUNT, "BLOCK", BLOCK_MS, "STREAMS", ...ids) as StreamReply;
        this.#failures = 0;
        for (const [stream, entries] of toEntries(reply)) this.#deliver(stream, watching.get(stream)!, entries);
      } catch (error) {
        if (this.#waiters.size === 0) break;
        const waitMs = backoffMs(++this.#failures, { baseMs: 100, maxMs: 5_000 });
        this.#logger.warn("Cannot watch the streams", { retryInMs: waitMs, error: describeError(error) });
        await sleep(waitMs);
        // A stream that cannot be read shall be the trouble of its own consumers alone: each reads for itself, and sees.
        for (const waiter of [...this.#waiters]) waiter.wake();
      } finally {
        this.#watching = undefined;
      }
      await Promise.resolve();
    }
  }

  #deliver(stream: string, after: string, entries: readonly Entry[]): void {
    this.#recent.set(stream, { after, entries });
    for (const waiter of [...this.#waiters]) {
      if (waiter.stream !== stream) continue;
      this.#waiters.delete(waiter);
      waiter.wake();
    }
  }

  async #unblock(): Promise<void> {
    await this.#redis.call("CLIENT", "UNBLOCK", String(await this.#blockingClientId));
  }
}

function toEntries(reply: StreamReply): Map<string, Entry[]> {
  return new Map(
    (reply ?? []).map((
      [stream, entries],
    ) => [stream, entries.map(([entryId, fields]) => fromStreamFields(stream, entryId, fields))]),
  );
}
