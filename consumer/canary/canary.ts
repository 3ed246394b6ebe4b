import { compareEntryIds, type StreamName } from "@events-pipeline/common";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import { type Metrics, noMetrics } from "@events-pipeline/common/metrics";
import { sleep } from "@events-pipeline/common/retry";
import { sendEvent } from "@events-pipeline/producer";
import { hasUnpublished } from "@events-pipeline/producer/outbox_history";
import type { Sql } from "postgres";
import type { Consumer } from "../define_consumer.ts";
import type { WorkerObserver } from "../worker.ts";
import { canaryConsumer, canarySent } from "./canary_consumer.ts";
import { type CanaryMetrics, canaryMetrics } from "./canary_metrics.ts";

/** Which canaries are sent, and how often. */
export interface CanaryOptions {
  /** How often one is sent, and how long it may take, in milliseconds. */
  readonly everyMs: number;
  /** A pool on the producers' database, of a role that may send events. Handlers shall not use it: they could hold all of it. */
  readonly sql: Sql;
  /** The stream of the canaries. Nothing else is to be sent there. */
  readonly stream: StreamName;
}

/** What a canary needs besides. */
export interface CanaryContext {
  /** Told when one is late, and when they come again. */
  readonly logger: Logger;
  /** What is measured. @default nothing */
  readonly metrics?: Metrics | undefined;
  /** Whether somebody has paused the consumer of the canaries. */
  readonly paused: () => boolean;
}

/** While a canary is awaited, or this process waits for its turn, it is looked at so often, in milliseconds. */
const LOOK_MS = 500;

/** A worker that has failed takes its lease again within this time, in milliseconds. Until then the watch goes on. */
const REGAIN_MS = 15_000;

/** When one does not come, the others follow ever more slowly, up to this, in milliseconds: they would pile up behind it. */
const SLOWEST_MS = 3_600_000;

/** A canary that was sent and has not come. */
interface UnderWay {
  readonly number: number;
  readonly sentAt: number;
}

/**
 * Sends an event through the whole path every so often, and knows whether it comes back in time. Of all processes on a consumers' database
 * that have a canary, the one with the lease of its consumer sends; the others stand by.
 *
 * One is under way at a time. The next one follows when it has come, or, when it is late, once the outbox has none that is unpublished. So
 * what piles up while something stands still is a row of the outbox, or a few entries of the stream.
 *
 * All times are taken from a clock that nobody sets.
 */
export class Canary implements WorkerObserver {
  /** The consumer of the canaries, to be run with this as its observer. */
  readonly consumer: Consumer;
  readonly #options: CanaryOptions;
  readonly #context: CanaryContext;
  readonly #metrics: CanaryMetrics;
  readonly #sender = crypto.randomUUID();
  #number = 0;
  /** In the order in which they were sent, which is that of the stream. */
  #underWay: readonly UnderWay[] = [];
  /** Those that were handled, in a transaction that may yet fail. */
  #handled: { readonly number: number; readonly entryId: string }[] = [];
  #checkpoint: string | undefined;
  /** Until when the watch is this process's. */
  #until = -Infinity;
  /** When the last one came, or the watch began. */
  #cameAt = 0;
  /** Its number. */
  #came = 0;
  /** Since when one is due that has not come; `undefined` while none is. */
  #dueSince: number | undefined;
  #why = "";
  /** Fires when there is something new to look at. */
  #turn = new AbortController();

  constructor(options: CanaryOptions, context: CanaryContext) {
    this.#options = options;
    this.#context = context;
    this.#metrics = canaryMetrics(context.metrics ?? noMetrics);
    this.#metrics.interval.set(options.everyMs / 1_000);
    context.metrics?.beforeRead(() => this.#measure());
    this.consumer = canaryConsumer(options.stream, ({ sender, number }, entryId) => {
      if (sender === this.#sender) this.#handled.push({ number, entryId });
    });
  }

  /** The worker has the lease. */
  began(checkpoint: string): void {
    // Where it has gone on meanwhile, another process has had the watch, and what was under way.
    if (checkpoint !== this.#checkpoint || !this.#isOnWatch) this.#begin();
    this.#checkpoint = checkpoint;
    this.#until = Infinity;
    this.#turn.abort();
  }

  /** What was handled up to an entry is committed. */
  done(entryId: string): void {
    this.#checkpoint = entryId;
    const last = this.#handled.filter((handled) => compareEntryIds(handled.entryId, entryId) <= 0).at(-1);
    this.#handled = this.#handled.filter((handled) => compareEntryIds(handled.entryId, entryId) > 0);
    if (last === undefined) return;
    const now = performance.now();
    const come = this.#underWay.find(({ number }) => number === last.number);
    if (come !== undefined) this.#metrics.seconds.record((now - come.sentAt) / 1_000);
    this.#underWay = this.#underWay.filter(({ number }) => number > last.number);
    this.#cameAt = now;
    this.#came = last.number;
    this.#turn.abort();
  }

  /** The worker has the lease no more. */
  ended(): void {
    this.#until = performance.now() + REGAIN_MS;
    this.#handled = [];
  }

  /** What is wrong, in words; `undefined` when nothing is. */
  get fault(): string | undefined {
    const { everyMs } = this.#options;
    const ms = this.#dueSince === undefined || !this.#isOnWatch ? 0 : performance.now() - this.#dueSince;
    if (ms <= everyMs) return undefined;
    return `A canary has been due for ${Math.round(ms / 1_000)} s, and may take ${everyMs / 1_000} s: ${this.#why}`;
  }

  /** Sends canaries and waits for them, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (!this.#isOnWatch) {
        this.#begin();
        await this.#wait(LOOK_MS, signal);
      } else {
        const begun = performance.now();
        await this.#awaitOne(begun, signal);
        if (this.#isOnWatch) await sleep(begun + this.#options.everyMs - performance.now(), signal);
      }
    }
  }

  get #isOnWatch(): boolean {
    return performance.now() < this.#until && !this.#context.paused();
  }

  #begin(): void {
    this.#underWay = [];
    this.#handled = [];
    this.#dueSince = undefined;
    this.#cameAt = performance.now();
  }

  /** Sends one and waits for it, however long it takes, unless the watch ends. */
  async #awaitOne(begun: number, signal: AbortSignal): Promise<void> {
    const { everyMs } = this.#options;
    const { logger } = this.#context;
    this.#dueSince = begun;
    this.#why = "it is being sent";
    const first = this.#number + 1;
    const cameBefore = this.#came;
    let sent = false;
    let sendAt = begun;
    let pauseMs = everyMs;
    let told = false;
    while (!signal.aborted && this.#isOnWatch && this.#dueSince !== undefined) {
      const now = performance.now();
      // One that was sent while an earlier one was late keeps this turn from sending: then that is the one to wait for.
      const cameInstead = !sent && this.#came > cameBefore;
      if (!cameInstead && now >= sendAt && await this.#send()) {
        sent = true;
        sendAt = now + pauseMs;
        pauseMs = Math.min(2 * pauseMs, SLOWEST_MS);
      } else if (this.fault !== undefined && now < sendAt) await this.#findOutWhy();
      if (this.#came >= first || cameInstead) this.#dueSince = undefined;
      else if (!told && this.fault !== undefined) {
        told = true;
        logger.warn("A canary is late", { stream: this.#options.stream, why: this.#why });
      }
      if (this.#dueSince !== undefined) {
        const untilLate = begun + everyMs + 1 - performance.now(); // So that it is known why by the time that somebody asks.
        await this.#wait(untilLate > 0 ? Math.min(untilLate, LOOK_MS) : LOOK_MS, signal);
      }
    }
    if (this.#came <= cameBefore) return this.#begin(); // The watch has ended: whoever has it next begins anew.
    if (told) logger.info("Canaries come again", { stream: this.#options.stream });
  }

  /** @returns whether one was sent; not while the outbox has one that is unpublished, or when it fails */
  async #send(): Promise<boolean> {
    const { sql, stream } = this.#options;
    const canary = { number: ++this.#number, sentAt: performance.now() };
    try {
      if (await this.#isUnpublished()) return false;
      // Before it is sent, for it may be there before this process hears that it is committed.
      this.#underWay = [...this.#underWay, canary];
      const event = canarySent().create({ sender: this.#sender, number: canary.number });
      await sendEvent(sql, { stream, event, guarantee: "AT_LEAST_ONCE" });
      this.#why = "it is sent, and has not come";
      return true;
    } catch (error) {
      // It may be committed all the same, so it stays among those that are awaited.
      const denied = error instanceof Error && "code" in error && error.code === "42501";
      this.#why = `it cannot be sent: ${describeError(error)}${
        denied ? ", which the role events_producer allows" : ""
      }`;
      return false;
    }
  }

  async #findOutWhy(): Promise<void> {
    try {
      if (!await this.#isUnpublished()) this.#why = "it is published, and its consumer has not handled it";
    } catch (error) {
      this.#why = `the outbox does not answer: ${describeError(error)}`;
    }
  }

  async #isUnpublished(): Promise<boolean> {
    const { sql, stream } = this.#options;
    if (!await hasUnpublished(sql, stream)) return false;
    this.#why = "it is in the outbox, and no publisher has published it";
    return true;
  }

  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#turn.signal.aborted) this.#turn = new AbortController();
    await sleep(ms, AbortSignal.any([signal, this.#turn.signal]));
  }

  #measure(): void {
    this.#metrics.age.set(this.#isOnWatch ? (performance.now() - this.#cameAt) / 1_000 : 0);
  }
}
