import { compareEntryIds, type Entry } from "@events-pipeline/common";
import {
  acquireLease,
  type Lease,
  LeaseLostError,
  readLease,
  releaseLease,
  renewLease,
} from "@events-pipeline/common/lease";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import { backoffMs, sleep } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import type { Consumer } from "./define_consumer.ts";
import type { EntrySource } from "./entry_source.ts";
import { AlreadyHandledError, assertNoGap, executeBatch, HandlerError } from "./executor.ts";

/** What a worker works with. */
export interface WorkerOptions {
  /** The pool on the consumers' database. */
  readonly sql: Sql;
  /** Where entries are read. */
  readonly source: EntrySource;
  /** Where progress and failures are told. */
  readonly logger: Logger;
  /** Take no more work; what is in hand is finished. */
  readonly stop: AbortSignal;
  /** Give up what is in hand, too. */
  readonly cancel: AbortSignal;
  /** Names this process in the lease. */
  readonly ownerId: string;
  /** How long a lease lasts without renewal, in milliseconds. */
  readonly leaseMs: number;
  /** End at what the stream held when the worker began. */
  readonly once: boolean;
}

/** How often a worker that has no lease asks for it, in milliseconds. */
const STANDBY_MS = 500;

/** How much is read of a stream at once. */
const READ_COUNT = 1_000;

/** With `once`, so many failures in a row end the run. */
const ONCE_FAILURES = 5;

/**
 * Runs one consumer: stands by until it gets the lease, then handles entry after entry. Faults of the servers and of the handler
 * are waited out, with the place kept.
 *
 * @throws {Error} with `once`: it failed 5 times in a row
 */
export async function runWorker(consumer: Consumer, options: WorkerOptions): Promise<void> {
  const { sql, stop, logger } = options;
  const key = { stream: consumer.stream, role: `consumer:${consumer.name}` };
  let target: string | undefined;
  let failures = 0;
  while (!stop.aborted) {
    try {
      if (options.once) {
        target ??= await options.source.lastId(consumer.stream);
        const state = await readLease(sql, key);
        if (compareEntryIds(state?.checkpoint ?? "0-0", target) >= 0) return;
      }
      const lease = await acquireLease(sql, key, options);
      if (lease === undefined) {
        await sleep(STANDBY_MS, stop);
        continue;
      }
      logger.info("Took the lease", { consumer: consumer.name, stream: key.stream, checkpoint: lease.checkpoint });
      await new Tenure(consumer, lease, options, target).run();
      failures = 0;
    } catch (error) {
      if (error instanceof LeaseLostError) {
        logger.warn("Lost the lease", { consumer: consumer.name, error: describeError(error) });
        continue;
      }
      if (options.once && ++failures >= ONCE_FAILURES) throw error;
      if (!options.once) failures++;
      const waitMs = error instanceof HandlerError ? 0 : backoffMs(failures, { baseMs: 100, maxMs: 5_000 });
      logger.error("Cannot consume", { consumer: consumer.name, retryInMs: waitMs, error: describeError(error) });
      await sleep(waitMs, stop);
    }
  }
}

/** One tenure of a lease. */
class Tenure {
  readonly #consumer: Consumer;
  readonly #lease: Lease;
  readonly #options: WorkerOptions;
  readonly #target: string | undefined;
  readonly #ended = new AbortController();
  #lost: unknown;
  #checkpoint: string;
  /** While above 0, events are taken one by one, to find the one that made a batch fail. */
  #singly = 0;
  #attempt = 1;
  /** Whether the checkpoint was put back, so that events may have been handled before. */
  #lookUp = false;

  constructor(consumer: Consumer, lease: Lease, options: WorkerOptions, target: string | undefined) {
    this.#consumer = consumer;
    this.#lease = lease;
    this.#options = options;
    this.#target = target;
    this.#checkpoint = lease.checkpoint;
  }

  async run(): Promise<void> {
    const keeping = this.#keepLease();
    try {
      await this.#work();
    } finally {
      this.#ended.abort();
      await keeping;
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
        if (error instanceof LeaseLostError) {
          this.#lost = error;
          return this.#ended.abort();
        }
        logger.warn("Cannot renew the lease", { consumer: this.#consumer.name, error: describeError(error) });
      }
    }
  }

  async #work(): Promise<void> {
    const { source, stop } = this.#options;
    const idle = AbortSignal.any([stop, this.#ended.signal]);
    while (!stop.aborted) {
      if (this.#lost !== undefined) throw this.#lost;
      if (this.#target !== undefined && compareEntryIds(this.#checkpoint, this.#target) >= 0) return;
      const entries = await source.read(this.#consumer.stream, this.#checkpoint, READ_COUNT);
      if (entries.length === 0) {
        await source.waitFor(this.#consumer.stream, this.#checkpoint, idle);
        continue;
      }
      assertNoGap(this.#consumer.stream, this.#checkpoint, entries);
      for (let from = 0; from < entries.length && !idle.aborted;) {
        const batch = this.#nextBatch(entries, from);
        if (await this.#execute(batch)) from += batch.length;
      }
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

  /** @returns whether the batch is done; otherwise it is to be tried again */
  async #execute(batch: readonly Entry[]): Promise<boolean> {
    const { sql, logger, leaseMs, stop, cancel } = this.#options;
    const consumer = this.#consumer;
    const signal = AbortSignal.any([cancel, this.#ended.signal]);
    try {
      await executeBatch({ sql, consumer, logger, leaseMs, signal }, this.#lease, {
        entries: batch,
        attempt: this.#attempt,
        lookUp: this.#lookUp,
      });
    } catch (error) {
      if (error instanceof AlreadyHandledError) {
        logger.info("Passing over events that have been handled before", { consumer: consumer.name });
        this.#lookUp = true;
        return false;
      }
      if (!(error instanceof HandlerError)) throw error;
      const wanted = batch.filter((entry) => consumer.events.has(entry.eventType)).length;
      if (wanted > 1) {
        logger.debug("A batch failed: taking its events one by one", { consumer: consumer.name, events: wanted });
        this.#singly = wanted;
        return false;
      }
      if (this.#options.once && this.#attempt >= ONCE_FAILURES) throw error;
      const waitMs = Math.round(consumer.retryMs * (0.95 + 0.1 * Math.random()));
      logger.error("Handler failed", {
        consumer: consumer.name,
        attempt: this.#attempt++,
        retryInMs: waitMs,
        error: describeError(error),
      });
      await sleep(waitMs, AbortSignal.any([stop, this.#ended.signal]));
      return false;
    }
    this.#checkpoint = batch.at(-1)!.entryId;
    this.#attempt = 1;
    if (this.#singly > 0) this.#singly--;
    return true;
  }
}
