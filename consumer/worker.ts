import { compareEntryIds } from "@events-pipeline/common";
import type { Health } from "@events-pipeline/common/health";
import { acquireLease, LeaseLostError, readLease } from "@events-pipeline/common/lease";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import { backoffMs, sleep } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import type { ConsumerMetrics } from "./consumer_metrics.ts";
import { leaseKeyOf } from "./consumer_state.ts";
import type { ControlWatch } from "./control_watch.ts";
import type { Consumer } from "./define_consumer.ts";
import type { EntrySource } from "./entry_source.ts";
import type { History } from "./history.ts";
import { HandlerError } from "./run_handler.ts";
import { firstCheckpoint } from "./start_from.ts";
import { CancelledError, Tenure } from "./tenure.ts";

/** Told how one worker gets on. */
export interface WorkerObserver {
  /** It has the lease, and goes on behind this entry id. */
  began(checkpoint: string): void;
  /** Everything up to this entry id is done, and committed. */
  done(entryId: string): void;
  /** It has the lease no more. */
  ended(): void;
}

/** What a worker works with. */
export interface WorkerOptions {
  /** The pool on the consumers' database. */
  readonly sql: Sql;
  /** A pool on the same database that no handler can exhaust: there leases are renewed. */
  readonly leaseSql: Sql;
  /** Where entries are read. */
  readonly source: EntrySource;
  /** Where entries are read that Redis no longer has. */
  readonly history: History;
  /** What people want of the consumers. */
  readonly control: ControlWatch;
  /** Where progress and failures are told. */
  readonly logger: Logger;
  /** Told what is wrong. */
  readonly health: Health;
  /** What is measured. */
  readonly metrics: ConsumerMetrics;
  /** Take no more work; what is in hand is finished. */
  readonly stop: AbortSignal;
  /** Give up what is in hand, too. */
  readonly cancel: AbortSignal;
  /** Names this process in the lease. */
  readonly ownerId: string;
  /** How long a lease lasts without renewal, in milliseconds. */
  readonly leaseMs: number;
  /** How long dedup rows are kept, in milliseconds. */
  readonly keepMs: number;
  /** End at what the stream held, and what was to be handled again, when the worker began. */
  readonly once: boolean;
  /** Told how it gets on. @default nobody */
  readonly observer?: WorkerObserver | undefined;
}

/** How often a worker that has no lease asks for it, in milliseconds. */
const STANDBY_MS = 500;

/** With `once`, so many failures in a row end the run. */
export const ONCE_FAILURES = 5;

/**
 * Runs one consumer: stands by until it gets the lease, then handles entry after entry. Faults of the servers and of the handler
 * are waited out, with the place kept.
 *
 * @throws {Error} with `once`: it failed 5 times in a row
 * @throws {CancelledError} it was cancelled with work in hand
 */
export async function runWorker(consumer: Consumer, options: WorkerOptions): Promise<void> {
  const { sql, stop, logger, health, source, history, control } = options;
  const key = leaseKeyOf({ consumer: consumer.name, stream: consumer.stream });
  let target: string | undefined;
  let failures = 0;
  let standingBy = false;
  while (!stop.aborted) {
    try {
      const state = await readLease(sql, key);
      if (options.once) {
        target ??= await source.lastId(consumer.stream);
        await control.look();
        const { redrives } = control.of(consumer.name);
        if (!redrives && compareEntryIds(state?.checkpoint ?? "0-0", target) >= 0) break;
      }
      const startFrom = state === undefined
        ? { startFrom: await firstCheckpoint(consumer.startFrom, consumer.stream, source, history) }
        : {};
      const lease = await acquireLease(sql, key, { ...options, ...startFrom });
      health.recover(key.role);
      if (lease === undefined) {
        if (!standingBy) logger.info("Standing by: another worker has the lease", { consumer: consumer.name });
        standingBy = true;
        await sleep(STANDBY_MS, stop);
        continue;
      }
      standingBy = false;
      logger.info("Took the lease", { consumer: consumer.name, stream: key.stream, checkpoint: lease.checkpoint });
      const tenure = new Tenure(consumer, lease, options, target);
      try {
        await tenure.run();
        if (options.once) break;
      } finally {
        // What comes after progress is a failure of its own, and not one more in a row.
        if (compareEntryIds(tenure.checkpoint, lease.checkpoint) > 0) failures = 0;
      }
    } catch (error) {
      if (error instanceof LeaseLostError) {
        logger.warn("Lost the lease", { consumer: consumer.name, error: describeError(error) });
        continue;
      }
      if (error instanceof CancelledError) throw error;
      if (options.once && ++failures >= ONCE_FAILURES) throw error;
      if (!options.once) failures++;
      const waitMs = error instanceof HandlerError ? 0 : backoffMs(failures, { baseMs: 100, maxMs: 5_000 });
      logger.error("Cannot consume", { consumer: consumer.name, retryInMs: waitMs, error: describeError(error) });
      health.fail(key.role, describeError(error));
      await sleep(waitMs, stop);
    }
  }
  health.forget(key.role);
}
