import { compareEntryIds, type Entry } from "@events-pipeline/common";
import type { Lease } from "@events-pipeline/common/lease";
import { describeError } from "@events-pipeline/common/logger";
import { clearFailure, type ConsumerKey, readFailingEvent, recordFailure } from "./consumer_state.ts";
import { setAside } from "./dead_letters.ts";
import type { Consumer } from "./define_consumer.ts";
import { outcomeOf } from "./failure_policy.ts";
import type { HandlerError } from "./run_handler.ts";
import { ONCE_FAILURES, type WorkerOptions } from "./worker.ts";

/** What {@linkcode Retries} works with. */
export type RetriesOptions = Pick<WorkerOptions, "sql" | "logger" | "health" | "metrics" | "leaseMs" | "once">;

/** The event that failed last. */
interface Failing {
  readonly eventId: string;
  /** How often. */
  readonly attempts: number;
}

/**
 * Deals with events that fail. One event at a time does: it holds back those behind it, until it is handled or set aside. What is known of
 * it is in the database, so that people see it, and a restarted worker goes on counting.
 */
export class Retries {
  readonly #consumer: Consumer;
  readonly #lease: Lease;
  readonly #options: RetriesOptions;
  readonly #key: ConsumerKey;
  #failing: Failing | undefined;
  /** When it is to be tried again, on the clock of `performance.now()`. */
  #dueAt = 0;
  /** While above 0, events are taken one by one, to find the one that made a batch fail. */
  #singly = 0;

  constructor(consumer: Consumer, lease: Lease, options: RetriesOptions) {
    this.#consumer = consumer;
    this.#lease = lease;
    this.#options = options;
    this.#key = { consumer: consumer.name, stream: consumer.stream };
  }

  /** How long until the next event may be taken, in milliseconds; not above 0 when it may be now. */
  get waitMs(): number {
    return this.#dueAt - performance.now();
  }

  /** How many events may be taken at once. */
  get limit(): number {
    return this.#singly > 0 ? 1 : this.#consumer.maxBatch;
  }

  /** Which attempt at an event the next one is. */
  attemptAt(entry: Entry | undefined): number {
    return this.#isFailing(entry) ? this.#failing!.attempts + 1 : 1;
  }

  /** Looks what the last tenure has left behind. */
  async load(): Promise<void> {
    const { sql, health } = this.#options;
    const failing = await readFailingEvent(sql, this.#key);
    if (failing === undefined) return;
    // That worker did not come to forget it.
    if (compareEntryIds(failing.entryId, this.#lease.checkpoint) <= 0) {
      return await clearFailure(sql, this.#key, this.#lease);
    }
    this.#failing = failing;
    this.#singly = 1;
    this.#dueAt = performance.now() + failing.retryInMs;
    const { eventId, entryId, attempts, error } = failing;
    health.fail(this.#lease.role, `Cannot handle event ${eventId} (entry ${entryId}, attempt ${attempts}): ${error}`);
  }

  /** A batch was handled, or the first entries of it. @param first the first event of it that the consumer wants */
  async succeeded(first: Entry | undefined): Promise<void> {
    if (this.#singly > 0) this.#singly--;
    if (this.#isFailing(first)) await this.#forget();
  }

  /**
   * A batch failed: it is to be tried again, one by one or later, or its event is set aside.
   *
   * @param wanted how many events of it the consumer wants
   * @param checkpoint where the consumer is: an entry id
   * @returns the checkpoint behind an event that was set aside
   * @throws {HandlerError} with `once`: it has failed 5 times
   */
  async failed(error: HandlerError, wanted: number, checkpoint: string): Promise<string | undefined> {
    const { logger } = this.#options;
    const consumer = this.#consumer;
    const alone = wanted === 1 || (consumer.handler.kind === "outside" && consumer.concurrency === 1);
    if (!alone && this.#singly === 0) {
      logger.debug("A batch failed: taking its events one by one", { consumer: consumer.name, events: wanted });
      this.#singly = wanted;
      return undefined;
    }
    const attempts = this.attemptAt(error.entry);
    const outcome = outcomeOf(consumer, error, attempts);
    if (outcome.kind === "retry") {
      await this.#retry(error, attempts, outcome.waitMs);
      return undefined;
    }
    await this.#setAside(error, { attempts, reason: outcome.reason, after: checkpoint });
    return error.entry.entryId;
  }

  /** Tells of a failure, of one that is not tried again too. */
  tell(error: unknown, fields: Readonly<Record<string, unknown>>): void {
    const { metrics, logger } = this.#options;
    metrics.failed.add(1, { ...this.#key });
    logger.error("Handler failed", { consumer: this.#consumer.name, ...fields, error: describeError(error) });
  }

  #isFailing(entry: Entry | undefined): boolean {
    return entry !== undefined && entry.eventId === this.#failing?.eventId;
  }

  async #retry(error: HandlerError, attempts: number, waitMs: number): Promise<void> {
    const { sql, health, metrics, once } = this.#options;
    const { entry } = error;
    if (once && attempts >= ONCE_FAILURES) throw error;
    this.#failing = { eventId: entry.eventId, attempts };
    this.#singly = Math.max(1, this.#singly);
    this.#dueAt = performance.now() + waitMs;
    metrics.retried.add(1, { ...this.#key });
    this.tell(error, { attempt: attempts, retryInMs: waitMs });
    const reason = describeError(error.cause);
    health.fail(this.#lease.role, `${error.message} (attempt ${attempts}): ${reason}`);
    await recordFailure(sql, this.#key, this.#lease, { entry, attempts, error: reason, retryInMs: waitMs });
  }

  async #setAside(
    error: HandlerError,
    { attempts, reason, after }: { readonly attempts: number; readonly reason: string; readonly after: string },
  ): Promise<void> {
    const { sql, metrics, leaseMs } = this.#options;
    const aside = { entry: error.entry, after, reason, error: describeError(error.cause), attempts };
    await setAside(sql, this.#lease, { consumer: this.#consumer.name, leaseMs }, aside);
    metrics.deadLettered.add(1, { ...this.#key });
    this.tell(error, { attempts, deadLetter: reason });
    if (this.#singly > 0) this.#singly--;
    await this.#forget();
  }

  async #forget(): Promise<void> {
    this.#failing = undefined;
    this.#dueAt = 0;
    this.#options.health.recover(this.#lease.role);
    await clearFailure(this.#options.sql, this.#key, this.#lease);
  }
}
