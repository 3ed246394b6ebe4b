import { compareEntryIds, type Entry } from "@events-pipeline/common";
import { type Lease, LeaseLostError, releaseLease, renewLease } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { sleep } from "@events-pipeline/common/retry";
import { AlreadyHandledError } from "./checkpoint.ts";
import type { ConsumerKey } from "./consumer_state.ts";
import type { Consumer } from "./define_consumer.ts";
import { EntryReader } from "./entry_reader.ts";
import { execute, type ExecutorContext } from "./executor.ts";
import { keepPruned } from "./prune.ts";
import { redriveNext } from "./redrive.ts";
import { Retries } from "./retries.ts";
import { HandlerError } from "./run_handler.ts";
import type { WorkerOptions } from "./worker.ts";

/** The process was told to stop at once, and gave up what it had in hand. Nothing of that is committed. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
}

/** A handler that takes longer than this, in milliseconds, is a stall. */
const STALL_MS = 60_000;

/** How long one wait may be, in milliseconds: timers cannot be set for months. */
const WAIT_MS = 60_000;

/** One tenure of a lease: one worker at a time has it, and handles entry after entry. */
export class Tenure {
  readonly #consumer: Consumer;
  readonly #lease: Lease;
  readonly #options: WorkerOptions;
  readonly #key: ConsumerKey;
  readonly #target: string | undefined;
  readonly #context: ExecutorContext;
  readonly #reader: EntryReader;
  readonly #retries: Retries;
  /** Fires when the tenure is over, by itself or since the lease was lost. */
  readonly #ended = new AbortController();
  /** Fires when somebody wants something else than what is being done: no more of that is begun. */
  #turn = new AbortController();
  #lost: LeaseLostError | undefined;
  #checkpoint: string;
  #busySince: number | undefined;
  /** Whether events may have been handled before. */
  #lookUp = false;

  constructor(consumer: Consumer, lease: Lease, options: WorkerOptions, target: string | undefined) {
    const { sql, logger, leaseMs, metrics, cancel } = options;
    this.#consumer = consumer;
    this.#lease = lease;
    this.#options = options;
    this.#target = target;
    this.#checkpoint = lease.checkpoint;
    this.#key = { consumer: consumer.name, stream: consumer.stream };
    this.#reader = new EntryReader(consumer, options);
    this.#retries = new Retries(consumer, lease, options);
    this.#context = {
      sql,
      consumer,
      logger,
      leaseMs,
      signal: AbortSignal.any([cancel, this.#ended.signal]),
      onDuration: (seconds) => metrics.handlerSeconds.record(seconds, { ...this.#key }),
      onDone: (entryId, handled) => {
        this.#checkpoint = entryId;
        metrics.handled.add(handled, { ...this.#key });
        options.observer?.done(entryId);
      },
      onGivenUp: (error) => this.#retries.tell(error, { givenUp: true }),
    };
  }

  /** Everything up to this entry id is done. */
  get checkpoint(): string {
    return this.#checkpoint;
  }

  /**
   * Works until it is told to stop, or the lease is lost.
   *
   * @throws {LeaseLostError} another worker has taken over, or somebody put the checkpoint elsewhere
   * @throws {CancelledError} it was cancelled with work in hand
   */
  async run(): Promise<void> {
    const { control, metrics, health, stop, sql, logger } = this.#options;
    const keeping = this.#keepLease();
    const pruning = keepPruned(this.#consumer.name, { ...this.#options, signal: this.#ended.signal });
    const stopListening = control.onChange(() => this.#look());
    const onStop = (): void => this.#turn.abort();
    stop.addEventListener("abort", onStop);
    metrics.leaseHeld.set(1, { ...this.#key });
    this.#options.observer?.began(this.#checkpoint);
    health.watch(`${this.#lease.role} handler`, () => this.#stall());
    try {
      await this.#work();
    } finally {
      this.#ended.abort();
      stopListening();
      stop.removeEventListener("abort", onStop);
      health.forget(`${this.#lease.role} handler`);
      metrics.leaseHeld.set(0, { ...this.#key });
      this.#options.observer?.ended();
      await Promise.all([keeping, pruning]);
      await releaseLease(sql, this.#lease).catch((error) =>
        logger.warn("Cannot release the lease: it will run out", { error: describeError(error) })
      );
    }
  }

  /** Renews the lease until the tenure ends; ends the tenure when the lease is lost. */
  async #keepLease(): Promise<void> {
    const { leaseSql, leaseMs, logger } = this.#options;
    const { name } = this.#consumer;
    while (true) {
      await sleep(leaseMs / 3, this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      const before = this.#checkpoint;
      try {
        const checkpoint = await renewLease(leaseSql, this.#lease, leaseMs);
        if (compareEntryIds(checkpoint, before) >= 0) continue;
        // The database has lost commits, as one may that fails over, or somebody has put the checkpoint back.
        logger.warn("The checkpoint is not where it was left", { consumer: name, checkpoint, left: before });
        return this.#lose();
      } catch (error) {
        if (error instanceof LeaseLostError) return this.#lose();
        logger.warn("Cannot renew the lease", { consumer: name, error: describeError(error) });
      }
    }
  }

  #lose(): void {
    this.#lost = new LeaseLostError(this.#lease);
    this.#ended.abort();
    this.#turn.abort();
  }

  /** Something has changed for some consumer of the process. */
  #look(): void {
    const { fencingToken } = this.#options.control.of(this.#consumer.name);
    // What was read before this tenure began names an older one.
    if (fencingToken !== undefined && BigInt(fencingToken) > BigInt(this.#lease.fencingToken)) return this.#lose();
    this.#turn.abort();
  }

  #stall(): string | undefined {
    if (this.#busySince === undefined) return undefined;
    const ms = performance.now() - this.#busySince;
    return ms > STALL_MS ? `It has worked on the same events for ${Math.round(ms / 1_000)} s` : undefined;
  }

  async #work(): Promise<void> {
    const { source, stop, control } = this.#options;
    await this.#retries.load();
    await control.look(); // Nothing is handled before it is known whether the consumer is paused.
    while (!stop.aborted) {
      this.#throwIfLost();
      if (this.#turn.signal.aborted) this.#turn = new AbortController();
      const turn = this.#turn.signal;
      const { paused, redrives } = control.of(this.#consumer.name);
      if (paused && this.#target !== undefined) return this.#tellPaused();
      else if (paused) await sleep(WAIT_MS, turn);
      else if (redrives) await this.#redrive(turn);
      else if (this.#retries.waitMs > 0) await sleep(Math.min(this.#retries.waitMs, WAIT_MS), turn);
      else if (this.#target !== undefined && compareEntryIds(this.#checkpoint, this.#target) >= 0) return;
      else {
        const entries = await this.#readNext();
        if (entries.length === 0) await source.waitFor(this.#consumer.stream, this.#checkpoint, turn);
        else await this.#handle(entries, turn);
      }
    }
  }

  #tellPaused(): void {
    this.#options.logger.warn("Handling no more: the consumer is paused", { ...this.#key });
  }

  #throwIfLost(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }

  async #redrive(turn: AbortSignal): Promise<void> {
    while (
      !turn.aborted && await this.#busy(() => redriveNext(this.#context, this.#lease, this.#checkpoint))
    );
    await this.#options.control.look();
  }

  async #readNext(): Promise<readonly Entry[]> {
    const { entries, rewritten } = await this.#reader.next(this.#checkpoint);
    if (rewritten && !this.#lookUp) {
      this.#options.logger.warn(
        "The end of the stream was lost and written anew: passing over what was handled before",
        {
          ...this.#key,
          checkpoint: this.#checkpoint,
        },
      );
      this.#lookUp = true;
    }
    return entries;
  }

  async #handle(entries: readonly Entry[], turn: AbortSignal): Promise<void> {
    for (let from = 0; from < entries.length && !turn.aborted && this.#retries.waitMs <= 0;) {
      await this.#busy(() => this.#execute(this.#nextBatch(entries, from), turn));
      while (from < entries.length && compareEntryIds(entries[from]!.entryId, this.#checkpoint) <= 0) from++;
    }
  }

  /** Does something that is not to take for ever, and that is given up when the process is cancelled or the lease is lost. */
  async #busy<T>(act: () => Promise<T>): Promise<T> {
    this.#busySince = performance.now();
    try {
      return await act();
    } catch (error) {
      if (this.#options.cancel.aborted) throw new CancelledError("What was in hand is given up", { cause: error });
      this.#throwIfLost();
      throw error;
    } finally {
      this.#busySince = undefined;
    }
  }

  /** As many entries as hold the events that may be taken at once, and those around them that the consumer does not want. */
  #nextBatch(entries: readonly Entry[], from: number): readonly Entry[] {
    const { limit } = this.#retries;
    let wanted = 0;
    let end = from;
    while (end < entries.length) {
      if (this.#consumer.events.has(entries[end]!.eventType) && ++wanted > limit) break;
      end++;
    }
    return entries.slice(from, end);
  }

  /** Handles a batch, or deals with its failure: then it is to be tried again, or one of its events was set aside. */
  async #execute(entries: readonly Entry[], until: AbortSignal): Promise<void> {
    const wanted = entries.filter((entry) => this.#consumer.events.has(entry.eventType));
    const attempt = this.#retries.attemptAt(wanted[0]);
    // A handler may well fail on what it has handled before, on a key of its own that is there already, say.
    const lookUp = this.#lookUp || attempt > 1;
    try {
      await execute(this.#context, this.#lease, { entries, after: this.#checkpoint, attempt, lookUp, until });
    } catch (error) {
      if (this.#context.signal.aborted) throw error;
      if (error instanceof AlreadyHandledError) {
        this.#options.logger.info("Passing over events that have been handled before", { ...this.#key });
        this.#lookUp = true;
        return;
      }
      if (!(error instanceof HandlerError)) throw error;
      this.#checkpoint = await this.#retries.failed(error, wanted.length, this.#checkpoint) ?? this.#checkpoint;
      return;
    }
    await this.#retries.succeeded(wanted[0]);
  }
}
