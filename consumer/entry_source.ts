import { deferred } from "@events-pipeline/common/deferred";
import { type Entry, ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { Logger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { RecentEntries } from "./recent_entries.ts";
import { type StreamReply, toEntries } from "./stream_reply.ts";
import { AnswerTimes } from "./answer_times.ts";
import { StreamWatch, type Waiter } from "./stream_watch.ts";

/**
 * Reads streams for all workers of a process. Whoever has caught up waits here: one blocking XREAD watches all of their streams (on a
 * Cluster one for each slot), and what it brings is handed to every worker that stands at the same place, so it is read from Redis once.
 */
export class EntrySource {
  readonly #redis: RedisConnection;
  readonly #blocking: RedisConnection;
  readonly #logger: Logger;
  readonly #watches = new Map<number, StreamWatch>();
  readonly #times = new AnswerTimes("Redis");
  readonly #recent = new Map<string, RecentEntries>();

  /**
   * @param redis for reads that return at once
   * @param blocking a connection that nobody else uses, with a command time-out well above 5 s, and with a connection for each slot
   */
  constructor(redis: RedisConnection, blocking: RedisConnection, logger: Logger) {
    this.#redis = redis;
    this.#blocking = blocking;
    this.#logger = logger;
  }

  /** What is wrong with Redis, in words; `undefined` when nothing is. */
  get fault(): string | undefined {
    return this.#times.fault;
  }

  /** Up to `count` entries after an id; none when there are none now, or `waitFor` is to say. */
  async read(stream: string, after: string, count: number): Promise<readonly Entry[]> {
    const known = this.#recent.get(stream)?.behind(after);
    return known === undefined ? await this.readNow(stream, after, count) : known.slice(0, count);
  }

  /** Up to `count` entries after an id that Redis has now. */
  async readNow(stream: string, after: string, count: number): Promise<readonly Entry[]> {
    const reply = await this.#call("XREAD", "COUNT", count, "STREAMS", stream, after) as StreamReply;
    return toEntries(reply).get(stream) ?? [];
  }

  /** The id of the last entry that a stream has had, also when it was trimmed; `0-0` when there is no stream. */
  async lastId(stream: string): Promise<string> {
    try {
      const info = await this.#call("XINFO", "STREAM", stream) as unknown[];
      return String(info[info.indexOf("last-generated-id") + 1]);
    } catch (error) {
      if (error instanceof Error && /no such key/i.test(error.message)) return ZERO_ENTRY_ID;
      throw error;
    }
  }

  /** The id of the first entry that a stream has; `undefined` when it has none. */
  async firstId(stream: string): Promise<string | undefined> {
    const reply = await this.#call("XRANGE", stream, "-", "+", "COUNT", 1) as [string, string[]][];
    return reply[0]?.[0];
  }

  /** The id of the first entry behind an id; `undefined` when there is none. */
  async idBehind(stream: string, after: string): Promise<string | undefined> {
    const reply = await this.#call("XRANGE", stream, `(${after}`, "+", "COUNT", 1) as [string, string[]][];
    return reply[0]?.[0];
  }

  /** The id of the last entry before a time, if the stream still has it. */
  async lastBefore(stream: string, ms: number): Promise<string | undefined> {
    if (ms <= 0) return undefined; // Redis knows of no id before 0-0.
    const reply = await this.#call("XREVRANGE", stream, `(${Math.ceil(ms)}-0`, "-", "COUNT", 1) as [
      string,
      string[],
    ][];
    return reply[0]?.[0];
  }

  /** Waits until the stream seems to have an entry after the id, or the signal fires. May return early: read to see. */
  async waitFor(stream: string, after: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = deferred<void>();
    const waiter: Waiter = { stream, after, wake: () => resolve() };
    signal.addEventListener("abort", waiter.wake);
    this.#recent.get(stream)?.passed(after);
    const watch = this.#watchOf(stream);
    watch.add(waiter);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", waiter.wake);
      watch.delete(waiter);
    }
  }

  /** Sends a command that is answered at once, and notes whether it is. */
  async #call(command: string, ...args: (string | number)[]): Promise<unknown> {
    return await this.#times.track(0, () => this.#redis.call(command, ...args));
  }

  #watchOf(stream: string): StreamWatch {
    const slot = this.#redis.slotOf(stream);
    const known = this.#watches.get(slot);
    if (known !== undefined) return known;
    const watch = new StreamWatch({
      redis: this.#redis,
      blocking: this.#blocking,
      times: this.#times,
      onEntries: (stream, after, entries) => this.#recent.set(stream, new RecentEntries(after, entries)),
      onFailure: (streams) => streams.forEach((stream) => this.#recent.delete(stream)),
      logger: this.#logger,
    });
    this.#watches.set(slot, watch);
    return watch;
  }
}
