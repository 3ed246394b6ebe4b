import { Health } from "@events-pipeline/common/health";
import { type Logger, silentLogger } from "@events-pipeline/common/logger";
import { type Metrics, noMetrics } from "@events-pipeline/common/metrics";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import { CANARY_CONSUMER } from "./canary/canary_consumer.ts";
import { Canary, type CanaryOptions } from "./canary/canary.ts";
import { consumerMetrics } from "./consumer_metrics.ts";
import { ControlWatch } from "./control_watch.ts";
import { watchDeadLetters } from "./dead_letter_watch.ts";
import type { Consumer } from "./define_consumer.ts";
import { EntrySource } from "./entry_source.ts";
import { Histories, type History } from "./history.ts";
import { LagWatch } from "./lag_watch.ts";
import { runWorker } from "./worker.ts";

/** What {@linkcode runConsumers} works with. */
export interface RunConsumersOptions {
  /** A pool on the database that the handlers write. */
  readonly sql: Sql;
  /**
   * A pool on the same database that handlers do not use, so that leases are renewed also while handlers hold every connection of the other
   * one. One connection is enough. @default sql
   */
  readonly leaseSql?: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
  /** A second connection to it, used for nothing else, with a command time-out of 15 s or more, and `connectionPerSlot`. */
  readonly blockingRedis: RedisConnection;
  /** Where entries are found that Redis no longer has. @default nowhere: a consumer that needs one stops, and says so */
  readonly history?: History;
  /** Where progress and failures are told. @default silent */
  readonly logger?: Logger;
  /** What is measured. @default nothing */
  readonly metrics?: Metrics;
  /** Told which consumers fail, and why. @default nobody */
  readonly health?: Health;
  /** Take no more work; what is in hand is finished. */
  readonly signal: AbortSignal;
  /** Give up what is in hand, too. @default never */
  readonly cancel?: AbortSignal;
  /** How long a lease lasts without renewal, in milliseconds. @default 10000 */
  readonly leaseMs?: number;
  /** How long dedup rows are kept, in milliseconds. @default 7 days */
  readonly keepMs?: number;
  /** How long a consumer that is behind may stand still until it counts as stalled, in milliseconds. @default 60000 */
  readonly stallMs?: number;
  /** End when everything that the streams hold now, and every dead letter that is to be handled again, is handled. @default false */
  readonly once?: boolean;
  /** Sends canaries through the whole path, and handles them. @default none */
  readonly canary?: CanaryOptions;
}

const WEEK_MS = 7 * 24 * 3_600_000;

const STALL_MS = 60_000;

/**
 * Runs consumers until the signal fires, one worker each; what befalls one leaves the others at work. Any number of processes may
 * run the same consumers: each consumer works in one of them at a time, and moves to another when that one dies.
 *
 * @throws {TypeError} two consumers have one name
 * @throws {Error} with `once`: a consumer failed 5 times in a row
 */
export async function runConsumers(wanted: readonly Consumer[], options: RunConsumersOptions): Promise<void> {
  const logger = options.logger ?? silentLogger;
  const canary: Canary | undefined = options.canary && new Canary(options.canary, {
    ...{ logger, metrics: options.metrics, paused: () => control.of(CANARY_CONSUMER).paused },
  });
  const consumers: readonly Consumer[] = canary === undefined ? wanted : [...wanted, canary.consumer];
  const names = new Set<string>();
  for (const { name } of consumers) {
    if (names.has(name)) {
      throw new TypeError(`Cannot run two consumers named '${name}': a name is one consumer's identity`);
    }
    names.add(name);
  }
  const source = new EntrySource(options.redis, options.blockingRedis, logger);
  const health = options.health ?? new Health();
  const keys = consumers.map(({ name, stream }) => ({ consumer: name, stream }));
  const leaseSql = options.leaseSql ?? options.sql;
  const control: ControlWatch = new ControlWatch(leaseSql, keys, logger);
  health.watch("redis", () => source.fault);
  health.watch("database", () => control.fault);
  if (canary !== undefined) health.watch("canary", () => canary.fault);
  const over = new AbortController();
  const watching = control.run(over.signal);
  const metrics = consumerMetrics(options.metrics ?? noMetrics);
  // A counter that first appears with its first event hides that event from whoever looks at its growth.
  for (const counter of [metrics.handled, metrics.failed, metrics.retried, metrics.deadLettered]) {
    for (const key of keys) counter.add(0, { ...key });
  }
  const lag = new LagWatch(keys, { control, source, metrics, health, logger, stallMs: options.stallMs ?? STALL_MS });
  options.metrics?.beforeRead(() => lag.look());
  const measuring = Promise.all([
    lag.run(over.signal),
    options.metrics && watchDeadLetters(leaseSql, keys, { metrics, logger, signal: over.signal }),
  ]);
  const singing = canary?.run(options.signal);
  const workers = consumers.map((consumer) =>
    runWorker(consumer, {
      sql: options.sql,
      leaseSql,
      source,
      control,
      metrics,
      history: options.history ?? new Histories([]),
      health,
      logger,
      stop: options.signal,
      cancel: options.cancel ?? new AbortController().signal,
      ownerId: crypto.randomUUID(),
      leaseMs: options.leaseMs ?? 10_000,
      keepMs: options.keepMs ?? WEEK_MS,
      once: options.once ?? false,
      observer: consumer === canary?.consumer ? canary : undefined,
    })
  );
  const failed = (await Promise.allSettled(workers)).flatMap((end) => end.status === "rejected" ? [end.reason] : []);
  over.abort();
  health.forget("redis");
  health.forget("database");
  health.forget("canary");
  await Promise.all([watching, measuring, singing]);
  if (failed.length > 0) {
    throw new AggregateError(failed, `Cannot go on with ${failed.length} of ${workers.length} consumers`);
  }
}
