import { describeError, type Logger } from "@events-pipeline/common/logger";
import { type Backoff, backoffMs, isConnectionLoss, sleep } from "@events-pipeline/common/retry";
import type { RoundOutcome } from "./round.ts";

/** How the pumps of {@linkcode StreamPumps} run. */
export interface StreamPumpsOptions {
  /** Publishes one round of a stream. */
  readonly publish: (stream: string) => Promise<RoundOutcome>;
  /** How many streams are worked on at once. */
  readonly concurrency: number;
  /** How long a stream that fails is left alone. */
  readonly backoff: Backoff;
  /** How long a stream that another publisher has is left alone, in milliseconds. */
  readonly busyMs: number;
  /** Awaited before each round: holds it back while Redis is nearly full. */
  readonly admit: (stop: AbortSignal) => Promise<void>;
  /** Awaited before the first round of a stream that failed: asks its Redis for an answer, without the lock that a round holds. */
  readonly probe: (stream: string) => Promise<unknown>;
  /** How long to wait after a round of so many events before the stream is looked at again, in milliseconds. */
  readonly lingerMs: (events: number) => number;
  /** Begin no more rounds. */
  readonly stop: AbortSignal;
  /** Called whenever one more stream could be worked on and none waits, with how many events were published since the last call. */
  readonly onIdle: (events: number) => void;
  /** Called when a stream fails, with the error, and when it has been published to again, without one. */
  readonly onState: (stream: string, error?: unknown) => void;
  /** Where failures and progress are told. */
  readonly logger: Logger;
  /** A clock that nobody can put back, in milliseconds. */
  readonly now: () => number;
}

/** The longest wait after a connection was lost, in milliseconds: it is not the stream's fault, and a new one is made in no time. */
const LOST_RETRY_MS = 5_000;

interface Trouble {
  readonly failures: number;
  readonly error?: unknown;
  readonly retryAt: number;
}

/**
 * One pump a stream: round after round until a round finds nothing, or one round when other streams wait for their turn. A stream in
 * trouble waits alone; the others go on.
 */
export class StreamPumps {
  readonly #options: StreamPumpsOptions;
  readonly #running = new Map<string, Promise<void>>();
  /** Streams that wait for their turn, in the order in which they get it. */
  readonly #waiting = new Set<string>();
  readonly #troubles = new Map<string, Trouble>();
  /** Events since somebody was told. */
  #published = 0;

  constructor(options: StreamPumpsOptions) {
    this.#options = options;
  }

  /** How many streams are being worked on. */
  get running(): number {
    return this.#running.size;
  }

  /** Whether a stream is being worked on, or waits for its turn. */
  runs(stream: string): boolean {
    return this.#running.has(stream) || this.#waiting.has(stream);
  }

  /**
   * Has each of these streams worked on, unless it is in trouble and has to wait, and each that failed and is due again: as many at
   * once as may be, the others when it is their turn.
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
    for (const stream of wanted) {
      if (!this.#running.has(stream) && (this.#troubles.get(stream)?.retryAt ?? 0) <= now) this.#waiting.add(stream);
    }
    return this.#fill();
  }

  /** Gives the streams that wait longest what room there is. @returns to how many */
  #fill(): number {
    const { concurrency, stop } = this.#options;
    if (stop.aborted) this.#waiting.clear();
    let started = 0;
    for (const stream of this.#waiting) {
      if (this.#running.size >= concurrency) break;
      this.#waiting.delete(stream);
      this.#running.set(stream, this.#pump(stream).then((more) => this.#end(stream, more)));
      started++;
    }
    return started;
  }

  #end(stream: string, more: boolean): void {
    this.#running.delete(stream);
    if (more) this.#waiting.add(stream);
    this.#fill();
    if (this.#running.size >= this.#options.concurrency) return;
    const events = this.#published;
    this.#published = 0;
    this.#options.onIdle(events);
  }

  /** Has the streams in trouble tried again at the next start, without the rest of their wait: what they wait for may be back. */
  retryNow(): void {
    for (const [stream, trouble] of this.#troubles) this.#troubles.set(stream, { ...trouble, retryAt: 0 });
  }

  /** When the first stream in trouble is due again, on the clock it was given; `Infinity` when none is in trouble. */
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

  /** @returns whether the stream has more, and made room for others */
  async #pump(stream: string): Promise<boolean> {
    const { publish, admit, probe, stop, logger, backoff, busyMs, lingerMs, now, onState } = this.#options;
    let published = 0;
    let more = false;
    try {
      if ((this.#troubles.get(stream)?.failures ?? 0) > 0) await probe(stream);
      while (!stop.aborted) {
        await admit(stop);
        const outcome = await publish(stream);
        if (outcome.kind === "busy") {
          // One that failed before is tried until it works: that others publish it does not say that this publisher can.
          this.#troubles.set(stream, { failures: 0, ...this.#troubles.get(stream), retryAt: now() + busyMs });
          return false;
        }
        const { events, drained } = outcome.kind === "published" ? outcome : { events: 0, drained: false };
        if (outcome.kind === "published" && events === 0) break;
        published += events;
        if (this.#waiting.size > 0) {
          more = !drained;
          break;
        }
        if (drained) await sleep(lingerMs(events), stop);
      }
      if (this.#troubles.delete(stream)) onState(stream);
    } catch (error) {
      const failures = (this.#troubles.get(stream)?.failures ?? 0) + 1;
      const maxMs = isConnectionLoss(error) ? Math.min(backoff.maxMs, LOST_RETRY_MS) : backoff.maxMs;
      const waitMs = backoffMs(failures, { ...backoff, maxMs });
      this.#troubles.set(stream, { failures, error, retryAt: now() + waitMs });
      onState(stream, error);
      logger.error("Cannot publish", { stream, failures, retryInMs: waitMs, error: describeError(error) });
    } finally {
      this.#published += published;
      if (published > 0) logger.debug("Published", { stream, events: published });
    }
    return more;
  }
}
