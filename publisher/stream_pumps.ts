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
  /** Called whenever a stream has been drained, failed, or was busy, with how many events it had. */
  readonly onIdle: (events: number) => void;
  /** Called when a stream fails, with the error, and when it has been published to again, without one. */
  readonly onState: (stream: string, error?: unknown) => void;
  /** Where failures and progress are told. */
  readonly logger: Logger;
  /** The clock, in Unix milliseconds. */
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
  readonly #troubles = new Map<string, Trouble>();
  /** In which order the streams had their last turn: who waits longest is next. */
  readonly #turns = new Map<string, number>();
  #turn = 0;
  /** Whether streams wait for one of those that are being worked on to end. */
  #crowded = false;

  constructor(options: StreamPumpsOptions) {
    this.#options = options;
  }

  /** How many streams are being worked on. */
  get running(): number {
    return this.#running.size;
  }

  /** Whether a stream is being worked on. */
  runs(stream: string): boolean {
    return this.#running.has(stream);
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
    const lastTurn = (stream: string): number => this.#turns.get(stream) ?? 0;
    const ready = [...wanted]
      .filter((stream) => !this.#running.has(stream) && (this.#troubles.get(stream)?.retryAt ?? 0) <= now)
      .sort((a, b) => lastTurn(a) - lastTurn(b));
    const started = this.#options.stop.aborted
      ? 0
      : Math.max(0, Math.min(ready.length, this.#options.concurrency - this.#running.size));
    this.#crowded = ready.length > started;
    for (const stream of ready.slice(0, started)) {
      this.#turns.set(stream, ++this.#turn);
      const pump = this.#pump(stream).then((events) => {
        this.#running.delete(stream);
        this.#options.onIdle(events);
      });
      this.#running.set(stream, pump);
    }
    return started;
  }

  /** Has the streams in trouble tried again at the next start, without the rest of their wait: what they wait for may be back. */
  retryNow(): void {
    for (const [stream, trouble] of this.#troubles) this.#troubles.set(stream, { ...trouble, retryAt: 0 });
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

  /** @returns how many events it published */
  async #pump(stream: string): Promise<number> {
    const { publish, admit, probe, stop, logger, backoff, busyMs, lingerMs, now, onState } = this.#options;
    let published = 0;
    try {
      if ((this.#troubles.get(stream)?.failures ?? 0) > 0) await probe(stream);
      while (!stop.aborted) {
        await admit(stop);
        const outcome = await publish(stream);
        if (outcome.kind === "busy") {
          // One that failed before is tried until it works: that others publish it does not say that this publisher can.
          this.#troubles.set(stream, { failures: 0, ...this.#troubles.get(stream), retryAt: now() + busyMs });
          return published;
        }
        if (outcome.kind === "repaired") continue;
        if (outcome.events === 0) break;
        published += outcome.events;
        if (this.#crowded) break; // It is taken up again when those that wait have had their turn.
        if (outcome.drained) await sleep(lingerMs(outcome.events), stop);
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
      if (published > 0) logger.debug("Published", { stream, events: published });
    }
    return published;
  }
}
