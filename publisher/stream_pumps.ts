import { describeError, type Logger } from "@events-pipeline/common/logger";
import { type Backoff, backoffMs } from "@events-pipeline/common/retry";
import type { BatchOutcome } from "./batch.ts";

/** How the pumps of {@linkcode StreamPumps} run. */
export interface StreamPumpsOptions {
  /** Publishes one batch of a stream. */
  readonly publish: (stream: string) => Promise<BatchOutcome>;
  /** How many streams are worked on at once. */
  readonly concurrency: number;
  /** How long a stream that fails is left alone. */
  readonly backoff: Backoff;
  /** How long a stream that another publisher has is left alone, in milliseconds. */
  readonly busyMs: number;
  /** Take no more batches. */
  readonly stop: AbortSignal;
  /** Called whenever a stream has been drained, failed, or was busy. */
  readonly onIdle: () => void;
  /** Where failures and progress are told. */
  readonly logger: Logger;
  /** The clock, in Unix milliseconds. */
  readonly now: () => number;
}

interface Trouble {
  readonly failures: number;
  readonly error?: unknown;
  readonly retryAt: number;
}

/** One pump a stream: batch after batch until the stream is drained. A stream in trouble waits alone; the others go on. */
export class StreamPumps {
  readonly #options: StreamPumpsOptions;
  readonly #running = new Map<string, Promise<void>>();
  readonly #troubles = new Map<string, Trouble>();

  constructor(options: StreamPumpsOptions) {
    this.#options = options;
  }

  /** How many streams are being worked on. */
  get running(): number {
    return this.#running.size;
  }

  /**
   * Starts a pump for each stream that has none and need not wait, and for each that failed and is due again.
   *
   * @returns how many it started
   */
  start(streams: readonly string[]): number {
    const now = this.#options.now();
    const wanted = new Set(streams);
    for (const [stream, trouble] of this.#troubles) {
      if (trouble.retryAt > now) continue;
      if (trouble.failures > 0) wanted.add(stream);
      else this.#troubles.delete(stream);
    }
    let started = 0;
    for (const stream of wanted) {
      if (this.#running.size >= this.#options.concurrency || this.#options.stop.aborted) break;
      if (this.#running.has(stream) || (this.#troubles.get(stream)?.retryAt ?? 0) > now) continue;
      started++;
      const pump = this.#pump(stream).finally(() => {
        this.#running.delete(stream);
        this.#options.onIdle();
      });
      this.#running.set(stream, pump);
    }
    return started;
  }

  /** When the first stream in trouble is due again, in Unix milliseconds; `Infinity` when none is in trouble. */
  get nextRetryAt(): number {
    return Math.min(Infinity, ...[...this.#troubles.values()].map((trouble) => trouble.retryAt));
  }

  /** The stream that has failed most often in a row, if one has. */
  get worst(): { readonly stream: string; readonly failures: number; readonly error: unknown } | undefined {
    const failing = [...this.#troubles].filter(([, trouble]) => trouble.failures > 0);
    const [worst] = failing.sort(([, a], [, b]) => b.failures - a.failures);
    return worst && { stream: worst[0], failures: worst[1].failures, error: worst[1].error };
  }

  /** Waits until every pump has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #pump(stream: string): Promise<void> {
    const { publish, stop, logger, backoff, busyMs, now } = this.#options;
    let published = 0;
    try {
      while (!stop.aborted) {
        const outcome = await publish(stream);
        if (outcome.kind === "published" && outcome.events === 0) break;
        if (outcome.kind === "busy") {
          this.#troubles.set(stream, { failures: 0, retryAt: now() + busyMs });
          return;
        }
        if (outcome.kind === "published") published += outcome.events;
      }
      this.#troubles.delete(stream);
    } catch (error) {
      const failures = (this.#troubles.get(stream)?.failures ?? 0) + 1;
      const waitMs = backoffMs(failures, backoff);
      this.#troubles.set(stream, { failures, error, retryAt: now() + waitMs });
      logger.error("Cannot publish", { stream, failures, retryInMs: waitMs, error: describeError(error) });
    } finally {
      if (published > 0) logger.debug("Published", { stream, events: published });
    }
  }
}
