import { compareEntryIds, type Entry, parseEntryId } from "@events-pipeline/common";
import { type Lease, LeaseLostError, releaseLease, renewLease } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { sleep } from "@events-pipeline/common/retry";
import { AlreadyHandledError } from "./checkpoint.ts";
import { clearFailure, type ConsumerKey, readFailingEvent, recordFailure } from "./consumer_state.ts";
import { setAside } from "./dead_letters.ts";
import type { Consumer } from "./define_consumer.ts";
import { gapError, orderOf } from "./entry_order.ts";
import { execute, type ExecutorContext } from "./executor.ts";
import { outcomeOf } from "./failure_policy.ts";
import { pruneProcessed } from "./prune.ts";
import { redriveNext } from "./redrive.ts";
import { HandlerError } from "./run_handler.ts";
import { ONCE_FAILURES, type WorkerOptions } from "./worker.ts";

/** The process was told to stop at once, and gave up what it had in hand. Nothing of that is committed. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
}

/** How much is read of a stream at once. */
const READ_COUNT = 1_000;

/** How often a stream that seems to be at its end is asked whether it has lost its last entries, in milliseconds. */
const TAIL_MS = 5_000;

/** How often dedup rows are pruned, in milliseconds. */
const PRUNE_MS = 5 * 60_000;

/** A handler that takes longer than this, in milliseconds, is a stall. */
const STALL_MS = 60_000;

/** One tenure of a lease: one worker at a time has it, and handles entry after entry. */
export class Tenure {
  readonly #consumer: Consumer;
  readonly #lease: Lease;
  readonly #options: WorkerOptions;
  readonly #key: ConsumerKey;
  readonly #target: string | undefined;
  readonly #context: ExecutorContext;
  readonly #ended = new AbortController();
  /** Ends a wait for entries: somebody wants something else. */
  #poke = new AbortController();
  #lost: unknown;
  #checkpoint: string;
  #movedAt = Date.now();
  #busySince: number | undefined;
  #tailAt = 0;
  /** While above 0, events are taken one by one, to find the one that made a batch fail. */
  #singly = 0;
  /** The event that failed last, and how often. */
  #failing: { readonly eventId: string; readonly attempts: number } | undefined;
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
    this.#context = {
      sql,
      consumer,
      logger,
      leaseMs,
      signal: AbortSignal.any([cancel, this.#ended.signal]),
      onDuration: (seconds) => metrics.handlerSeconds.record(seconds, { ...this.#key }),
      onDone: (entryId) => this.#advanceTo(entryId),
      onGivenUp: (error) => this.#tellFailure(error, { givenUp: true }),
    };
  }

  /** How far it has come, and when it last moved. */
  get progress(): { readonly checkpoint: string; readonly movedAt: number } {
    return { checkpoint: this.#checkpoint, movedAt: this.#movedAt };
  }

  /**
   * Works until it is told to stop, or the lease is lost.
   *
   * @throws {LeaseLostError} another worker has taken over, or somebody put the checkpoint back
   * @throws {CancelledError} it was cancelled with work in hand
   */
  async run(): Promise<void> {
    const { control, metrics, health } = this.#options;
    const keeping = this.#keepLease();
    const pruning = this.#prune();
    const stopListening = control.onChange(() => this.#look());
    metrics.leaseHeld.set(1, { ...this.#key });
    health.watch(`${this.#lease.role} handler`, () => this.#stall());
    try {
      await this.#work();
    } finally {
      this.#ended.abort();
      stopListening();
      health.forget(`${this.#lease.role} handler`);
      metrics.leaseHeld.set(0, { ...this.#key });
      await Promise.all([keeping, pruning]);
      await releaseLease(this.#options.sql, this.#lease).catch((error) =>
        this.#options.logger.warn("Cannot release the lease: it will run out", { error: describeError(error) })
      );
    }
  }

  /** Renews the lease until the tenure ends; ends the tenure when the lease is lost. */
  async #keepLease(): Promise<void> {
    const { sql, leaseMs, logger } = this.#options;
    while (true) {
      await sleep(leaseMs / 3, this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      try {
        await renewLease(sql, this.#lease, leaseMs);
      } catch (error) {
        if (error instanceof LeaseLostError) return this.#lose(error);
        logger.warn("Cannot renew the lease", { consumer: this.#consumer.name, error: describeError(error) });
      }
    }
  }

  #lose(error: LeaseLostError): void {
    this.#lost = error;
    this.#ended.abort();
  }

  /** Something has changed for some consumer of the process. */
  #look(): void {
    const { fencingToken } = this.#options.control.of(this.#consumer.name);
    // What was read before this tenure began names an older one.
    if (fencingToken !== undefined && BigInt(fencingToken) > BigInt(this.#lease.fencingToken)) {
      return this.#lose(new LeaseLostError(this.#lease));
    }
    this.#poke.abort();
    this.#poke = new AbortController();
  }

  async #prune(): Promise<void> {
    const { sql, logger, keepMs } = this.#options;
    while (!this.#ended.signal.aborted) {
      try {
        let more = true;
        while (more && !this.#ended.signal.aborted) {
          ({ more } = await pruneProcessed(sql, this.#consumer.name, this.#checkpoint, keepMs));
        }
      } catch (error) {
        logger.warn("Cannot prune what was handled long ago", {
          consumer: this.#consumer.name,
          error: describeError(error),
        });
      }
      await sleep(PRUNE_MS * (0.9 + 0.2 * Math.random()), this.#ended.signal);
    }
  }

  #stall(): string | undefined {
    if (this.#busySince === undefined) return undefined;
    const ms = Date.now() - this.#busySince;
    return ms > STALL_MS ? `It has worked on the same events for ${Math.round(ms / 1_000)} s` : undefined;
  }

  async #work(): Promise<void> {
    const { source, stop, control, sql } = this.#options;
    const failing = await readFailingEvent(sql, this.#key);
    if (failing !== undefined) {
      this.#failing = failing;
      this.#singly = 1;
      await sleep(failing.retryInMs, AbortSignal.any([stop, this.#ended.signal]));
    }
    while (!stop.aborted) {
      this.#throwIfLost();
      const { paused, redrives } = control.of(this.#consumer.name);
      const idle = AbortSignal.any([stop, this.#ended.signal, this.#poke.signal]);
      if (paused) {
        await sleep(STALL_MS, idle);
        continue;
      }
      if (redrives) {
        while (!idle.aborted && await this.#busy(() => redriveNext(this.#context, this.#lease)));
        await control.look();
        continue;
      }
      if (this.#target !== undefined && compareEntryIds(this.#checkpoint, this.#target) >= 0) return;
      const entries = await this.#readNext();
      if (entries.length === 0) await source.waitFor(this.#consumer.stream, this.#checkpoint, idle);
      else await this.#handle(entries, idle);
    }
  }

  #throwIfLost(): void {
    if (this.#lost !== undefined) throw this.#lost;
  }

  /** The next entries, without a hole: from Redis, or from the history what Redis no longer has. */
  async #readNext(): Promise<readonly Entry[]> {
    const { source, logger } = this.#options;
    const { stream, name } = this.#consumer;
    const entries = await source.read(stream, this.#checkpoint, READ_COUNT);
    if (entries.length === 0) return await this.#readTail();
    const { dense, missing, rewritten } = orderOf(this.#checkpoint, entries);
    if (rewritten && !this.#lookUp) {
      logger.warn("The end of the stream was lost and written anew: passing over what was handled before", {
        consumer: name,
        stream,
        checkpoint: this.#checkpoint,
      });
      this.#lookUp = true;
    }
    if (dense > 0 || missing === undefined) return entries.slice(0, dense);
    return await this.#readHistory(
      missing,
      parseEntryId(entries[0]!.entryId).position - 1,
      `entry ${entries[0]!.entryId}`,
    );
  }

  /** When Redis has nothing behind the checkpoint, the stream may have been trimmed beyond it: its last id says so. */
  async #readTail(): Promise<readonly Entry[]> {
    const { source } = this.#options;
    const { stream } = this.#consumer;
    if (Date.now() < this.#tailAt) return [];
    const last = await source.lastId(stream);
    const { position } = parseEntryId(this.#checkpoint);
    const upTo = parseEntryId(last).position;
    // It may have come since.
    const entries = upTo > position ? await source.readNow(stream, this.#checkpoint, READ_COUNT) : [];
    if (entries.length > 0 || upTo <= position) {
      this.#tailAt = Date.now() + TAIL_MS;
      return entries.slice(0, orderOf(this.#checkpoint, entries).dense);
    }
    return await this.#readHistory(position + 1, upTo, `its end, ${last}`);
  }

  async #readHistory(from: number, upTo: number, before: string): Promise<readonly Entry[]> {
    const { history, logger } = this.#options;
    const { stream, name } = this.#consumer;
    const entries = await history.read(stream, from - 1, upTo, READ_COUNT);
    if (entries.length === 0) throw gapError(stream, this.#checkpoint, from, before);
    logger.info("Reading what Redis no longer has", { consumer: name, stream, from, events: entries.length, upTo });
    return entries;
  }

  async #handle(entries: readonly Entry[], idle: AbortSignal): Promise<void> {
    for (let from = 0; from < entries.length && !idle.aborted;) {
      await this.#busy(() => this.#execute(this.#nextBatch(entries, from)));
      while (from < entries.length && compareEntryIds(entries[from]!.entryId, this.#checkpoint) <= 0) from++;
    }
  }

  async #busy<T>(act: () => Promise<T>): Promise<T> {
    this.#busySince = Date.now();
    try {
      return await act();
    } finally {
      this.#busySince = undefined;
    }
  }

  /** As many entries as hold `maxBatch` events that the consumer wants, and the unwanted ones around them. */
  #nextBatch(entries: readonly Entry[], from: number): readonly Entry[] {
    const limit = this.#singly > 0 ? 1 : this.#consumer.maxBatch;
    let wanted = 0;
    let end = from;
    while (end < entries.length) {
      if (this.#consumer.events.has(entries[end]!.eventType) && ++wanted > limit) break;
      end++;
    }
    return entries.slice(from, end);
  }

  /** Handles a batch, or deals with its failure: then it is to be tried again, or one of its events was set aside. */
  async #execute(batch: readonly Entry[]): Promise<void> {
    const wanted = batch.filter((entry) => this.#consumer.events.has(entry.eventType));
    const failedBefore = this.#failing !== undefined && wanted[0]?.eventId === this.#failing.eventId;
    const attempt = failedBefore ? this.#failing!.attempts + 1 : 1;
    try {
      await execute(this.#context, this.#lease, { entries: batch, attempt, lookUp: this.#lookUp });
    } catch (error) {
      if (this.#options.cancel.aborted) throw new CancelledError("What was in hand is given up", { cause: error });
      this.#throwIfLost();
      if (error instanceof AlreadyHandledError) {
        this.#options.logger.info("Passing over events that have been handled before", {
          consumer: this.#consumer.name,
        });
        this.#lookUp = true;
        return;
      }
      if (!(error instanceof HandlerError)) throw error;
      return await this.#dealWith(error, wanted.length);
    }
    this.#advanceTo(batch.at(-1)!.entryId);
    this.#options.metrics.handled.add(wanted.length, { ...this.#key });
    if (failedBefore) await this.#forgetFailure();
    if (this.#singly > 0) this.#singly--;
  }

  #advanceTo(entryId: string): void {
    this.#checkpoint = entryId;
    this.#movedAt = Date.now();
  }

  async #forgetFailure(): Promise<void> {
    this.#failing = undefined;
    this.#options.health.recover(this.#lease.role);
    await clearFailure(this.#options.sql, this.#key);
  }

  async #dealWith(error: HandlerError, wanted: number): Promise<void> {
    const { sql, logger, stop, once, metrics, leaseMs } = this.#options;
    const consumer = this.#consumer;
    const alone = wanted === 1 || (consumer.handler.kind === "outside" && consumer.concurrency === 1);
    if (!alone && this.#singly === 0) {
      logger.debug("A batch failed: taking its events one by one", { consumer: consumer.name, events: wanted });
      this.#singly = wanted;
      return;
    }
    const { entry } = error;
    const attempts = (this.#failing?.eventId === entry.eventId ? this.#failing.attempts : 0) + 1;
    const outcome = outcomeOf(consumer, error, attempts);
    const reason = describeError(error.cause);
    if (outcome.kind === "dead letter") {
      await setAside(
        sql,
        this.#lease,
        consumer.name,
        entry,
        { reason: outcome.reason, error: reason, attempts },
        leaseMs,
      );
      this.#advanceTo(entry.entryId);
      metrics.deadLettered.add(1, { ...this.#key });
      this.#tellFailure(error, { attempts, deadLetter: outcome.reason });
      await this.#forgetFailure();
      if (this.#singly > 0) this.#singly--;
      return;
    }
    if (once && attempts >= ONCE_FAILURES) throw error;
    this.#failing = { eventId: entry.eventId, attempts };
    this.#singly = Math.max(1, this.#singly);
    metrics.retried.add(1, { ...this.#key });
    this.#tellFailure(error, { attempt: attempts, retryInMs: outcome.waitMs });
    this.#options.health.fail(this.#lease.role, `${error.message} (attempt ${attempts}): ${reason}`);
    await recordFailure(sql, this.#key, { entry, attempts, error: reason, retryInMs: outcome.waitMs });
    await sleep(outcome.waitMs, AbortSignal.any([stop, this.#ended.signal]));
  }

  #tellFailure(error: unknown, fields: Readonly<Record<string, unknown>>): void {
    this.#options.metrics.failed.add(1, { ...this.#key });
    this.#options.logger.error("Handler failed", {
      consumer: this.#consumer.name,
      ...fields,
      error: describeError(error),
    });
  }
}
