import { parseEntryId } from "@events-pipeline/common";
import type { Health } from "@events-pipeline/common/health";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import { sleep } from "@events-pipeline/common/retry";
import type { ConsumerMetrics } from "./consumer_metrics.ts";
import { type ConsumerKey, leaseKeyOf } from "./consumer_state.ts";
import type { ControlWatch } from "./control_watch.ts";
import type { EntrySource } from "./entry_source.ts";

/** What {@linkcode LagWatch} works with. */
export interface LagWatchOptions {
  /** Knows the checkpoints. */
  readonly control: ControlWatch;
  /** Knows the ends of the streams. */
  readonly source: EntrySource;
  /** Told how far each consumer is behind. */
  readonly metrics: ConsumerMetrics;
  /** Told of each that stands still, and of the end of that. */
  readonly health: Health;
  /** Told when the streams cannot be looked at. */
  readonly logger: Logger;
  /** How long a consumer that is behind may stand still, in milliseconds. */
  readonly stallMs: number;
}

/** A consumer's checkpoint, and since when it is that one, as far as this process has seen. */
interface Place {
  readonly checkpoint: string;
  readonly since: number;
}

/**
 * Sees how far the consumers of a process are behind, and which of them stand still, whatever the reason, in this process or another
 * one that works for them. A paused one may.
 *
 * A look costs a question about each stream, and one about each place of those who are behind.
 */
export class LagWatch {
  readonly #keys: readonly ConsumerKey[];
  readonly #options: LagWatchOptions;
  readonly #places = new Map<ConsumerKey, Place>();

  constructor(keys: readonly ConsumerKey[], options: LagWatchOptions) {
    this.#keys = keys;
    this.#options = options;
  }

  /** Looks four times per `stallMs`, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    while (!signal.aborted) {
      await Promise.race([this.look(), over]); // Redis may take its time.
      await sleep(this.#options.stallMs / 4, signal);
    }
    for (const key of this.#keys) this.#options.health.forget(partOf(key));
  }

  /** Looks now. When Redis does not answer, the figures stay as they are: others tell of that. */
  async look(): Promise<void> {
    const { source, logger } = this.#options;
    try {
      const streams = [...new Set(this.#keys.map(({ stream }) => stream))];
      const ends = await Promise.all(streams.map((stream) => source.lastId(stream)));
      const next = new Map<string, Promise<string | undefined>>();
      await Promise.all(this.#keys.map(async (key) => {
        const end = ends[streams.indexOf(key.stream)]!;
        const checkpoint = this.#options.control.of(key.consumer).checkpoint;
        if (checkpoint === undefined) return; // It has not begun, or nobody has looked yet.
        const events = Math.max(0, parseEntryId(end).position - parseEntryId(checkpoint).position);
        const place = `${key.stream} ${checkpoint}`;
        if (events > 0 && !next.has(place)) next.set(place, source.idBehind(key.stream, checkpoint));
        this.#tell(key, checkpoint, events, events > 0 ? await next.get(place) : undefined);
      }));
    } catch (error) {
      logger.debug("Cannot look how far the consumers are behind", { error: describeError(error) });
    }
  }

  #tell(key: ConsumerKey, checkpoint: string, events: number, next: string | undefined): void {
    const { control, metrics, health, stallMs } = this.#options;
    const now = Date.now();
    const before = this.#places.get(key);
    const place = before?.checkpoint === checkpoint ? before : { checkpoint, since: now };
    // One that had nothing to do, or was paused, begins to stand still now.
    const moving = events === 0 || control.of(key.consumer).paused;
    this.#places.set(key, moving ? { checkpoint, since: now } : place);
    const labels = { consumer: key.consumer, stream: key.stream };
    metrics.lagEvents.set(events, labels);
    metrics.lagSeconds.set(next === undefined ? 0 : Math.max(0, now - parseEntryId(next).ms) / 1_000, labels);
    metrics.stillSeconds.set(moving ? 0 : (now - place.since) / 1_000, labels);
    if (!moving && now - place.since >= stallMs) {
      const seconds = Math.round((now - place.since) / 1_000);
      health.fail(partOf(key), `It is ${events} events behind, and has stood at ${checkpoint} for ${seconds} s`);
    } else health.recover(partOf(key));
  }
}

const partOf = (key: ConsumerKey): string => `${leaseKeyOf(key).role} stall`;
