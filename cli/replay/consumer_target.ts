import type { Entry } from "@events-pipeline/common";
import { sleep } from "@events-pipeline/common/retry";
import { type ConsumerKey, countReplaying, queueReplay } from "@events-pipeline/consumer/control";
import type { Sql, TransactionSql } from "postgres";
import type { ReplayTarget } from "./run_replay.ts";

/** What a batch should take the worker, in milliseconds: other events wait meanwhile. */
const BATCH_MS = 1_000;

/** How many events a batch has at least and at most. */
const BATCH = { least: 10, most: 2_000 } as const;

/** How often the worker's progress is looked at, in milliseconds. */
const LOOK_MS = 100;

/** How long a worker may seem to do nothing until that is told, in milliseconds. */
const IDLE_MS = 10_000;

/**
 * A consumer, as the target of a replay. The next batch is queued when its worker has done the last one, and has turned to its stream in
 * between; batches become as large as what a second is enough for.
 */
export class ConsumerTarget implements ReplayTarget {
  readonly #sql: Sql;
  readonly #key: ConsumerKey;
  readonly #say: (text: string) => void;
  #batch: number = BATCH.least;
  #queuedAt: number | undefined;
  /** How many events were left out, since the consumer has not come to them. */
  ahead = 0;

  /**
   * Queues nothing yet.
   *
   * @param sql a pool on the consumers' database
   * @param say told when nothing happens
   */
  constructor(sql: Sql, key: ConsumerKey, say: (text: string) => void) {
    this.#sql = sql;
    this.#key = key;
    this.#say = say;
  }

  /** Queues events. */
  async take(tx: TransactionSql, entries: readonly Entry[]): Promise<void> {
    const { ahead } = await queueReplay(tx, this.#key, entries);
    this.ahead += ahead;
    this.#queuedAt = Date.now();
  }

  /** Waits until the worker has done all that is queued. */
  async ready(signal: AbortSignal): Promise<number> {
    let before = Infinity;
    let movedAt = Date.now();
    while (!signal.aborted) {
      const waiting = await countReplaying(this.#sql, this.#key);
      if (waiting === 0) break;
      if (waiting !== before) movedAt = Date.now();
      else if (Date.now() - movedAt > IDLE_MS) {
        this.#say(`${waiting} events wait for '${this.#key.consumer}': does a worker run, and is it not paused?`);
        movedAt = Date.now();
      }
      before = waiting;
      await sleep(LOOK_MS, signal);
    }
    if (this.#queuedAt !== undefined) {
      const took = Date.now() - this.#queuedAt;
      if (took < BATCH_MS) this.#batch = Math.min(BATCH.most, this.#batch * 2);
      else if (took > 3 * BATCH_MS) this.#batch = Math.max(BATCH.least, Math.floor(this.#batch / 2));
      this.#queuedAt = undefined;
    }
    return this.#batch;
  }
}
