import { ZERO_ENTRY_ID } from "@events-pipeline/common";
import { readCheckpoints } from "@events-pipeline/common/lease";
import { Health } from "@events-pipeline/common/health";
import { describeError, type Logger, silentLogger } from "@events-pipeline/common/logger";
import { type Metrics, noMetrics } from "@events-pipeline/common/metrics";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { type Backoff, backoffMs } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import { appendEntries, type ReplicaWait } from "./append_script.ts";
import type { MemoryPressure } from "./memory_pressure.ts";
import { readBacklogs } from "./outbox_rows.ts";
import { errorKind, publisherMetrics } from "./publisher_metrics.ts";
import { RepairReport } from "./repair_report.ts";
import { publishRound, type RoundContext, type RoundStep } from "./round.ts";
import { SettledIds } from "./settled_ids.ts";
import { StallWatch } from "./stall_watch.ts";
import { StreamPumps } from "./stream_pumps.ts";
import { WakeUp } from "./wake_up.ts";

/** What {@linkcode runPublisher} works with. */
export interface PublisherOptions {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** A pool of one connection on the same database, used for nothing else: the wake-up lock lives in its session. */
  readonly wakeUpSql: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
  /** Where progress, repairs and failures are told. @default silent */
  readonly logger?: Logger;
  /** What is measured. @default nothing */
  readonly metrics?: Metrics;
  /** Told which streams cannot be published, and of a stall. @default nobody */
  readonly health?: Health;
  /** Begin no more rounds; the ones in hand are finished. */
  readonly signal: AbortSignal;
  /** End when nothing is left to publish. @default false */
  readonly once?: boolean;
  /** Rows a batch, at most; a round is up to 32 batches. @default 1000 */
  readonly batchRows?: number;
  /** Bytes of payload a batch, at most; a single event may exceed it. @default 1048576 */
  readonly batchBytes?: number;
  /** The longest payload that Redis is asked to take, in bytes; a longer one holds back its stream. @default 33554432 */
  readonly maxEventBytes?: number;
  /** How many streams are published at once; each takes a connection of the pool. @default 4 */
  readonly concurrency?: number;
  /** How often the outbox is looked at when nothing wakes the publisher, in milliseconds. @default 1000 */
  readonly pollMs?: number;
  /** How often each stream's last id is compared with its checkpoint, in milliseconds. @default 5000 */
  readonly verifyMs?: number;
  /** How long the server lets a paused publisher hold a stream, in milliseconds. @default 15000 */
  readonly idleLimitMs?: number;
  /** How long a statement of a round may take, in milliseconds: at least as long as the pool's `answerLimitMs`. @default 30000 */
  readonly answerLimitMs?: number;
  /** How long a stream's oldest unpublished row may be the same one until health turns red, in milliseconds. @default 60000 */
  readonly stallMs?: number;
  /** How long a stream that fails is left alone. @default from 250 ms to 30 s */
  readonly backoff?: Backoff;
  /** How many replicas must have an append before it counts. @default none */
  readonly replicaWait?: ReplicaWait;
  /** Holds rounds back while Redis is nearly full; housekeeping sets it. @default never */
  readonly pressure?: MemoryPressure;
  /** Called at each step of a round: tests make it die or wait there. @default nothing */
  readonly atStep?: (step: RoundStep) => void | Promise<void>;
}

/** With `once`, a stream that fails this often in a row ends the run. */
const ONCE_FAILURES = 5;

/** While pumps run the outbox is looked at this often, for streams that have none, in milliseconds. */
const BUSY_POLL_MS = 20;

/** The same when the stream that has one is the only one known, so that only a new stream could be found. */
const LONE_POLL_MS = 50;

/**
 * The pause between two rounds of a stream, in milliseconds: so that a round has more than one event to carry. The more the last one
 * had, the longer, since a round costs the servers much the same whatever it carries. Up to 2,000 events/s it stays below 3 ms, from
 * 4,000 on it grows to its limit.
 */
function lingerMs(events: number): number {
  return Math.min(20, Math.max(1, events / 4));
}

/** How long to wait for writers that do not notify, in milliseconds: most are gone at once, one that is idle stays for hours. */
function writersMs(sinceMs: number): number {
  return Math.min(BUSY_POLL_MS, Math.max(1, sinceMs / 10));
}

/** How often outbox writers are looked at while there is work, in milliseconds. */
const SETTLE_MS = 1_000;

/** A look at very many streams takes its time; the pause after it is at least so many times as long. */
const POLL_PAUSES = 4;

/** The outbox is looked at from its beginning this often, in milliseconds: rows may have come with lower ids than any before. */
const LOWER_MS = 10 * 60_000;

/** The outbox is looked at this often where notifications do not arrive, in milliseconds. */
const DEAF_POLL_MS = 500;

/** The longest wait until the outbox is looked at again when that has failed, in milliseconds: one light query tells that it is back. */
const OUTBOX_RETRY_MS = 5_000;

/**
 * Publishes what the outbox holds until the signal fires. Any number of publishers may run on one outbox.
 *
 * @throws {Error} with `once`: a stream failed 5 times in a row
 *
 * @example
 * ```ts
 * import { connectPostgres } from "@events-pipeline/common/postgres";
 * import { connectRedis } from "@events-pipeline/common/redis";
 * import { runPublisher } from "@events-pipeline/publisher";
 *
 * const database = Deno.env.get("DATABASE_URL")!;
 * const sql = connectPostgres(database, { applicationName: "publisher" });
 * const wakeUpSql = connectPostgres(database, { applicationName: "publisher wake-up", connections: 1 });
 * const redis = connectRedis(Deno.env.get("REDIS_URL")!, { clientName: "publisher" });
 * await runPublisher({ sql, wakeUpSql, redis, once: true, signal: AbortSignal.timeout(60_000) });
 * await redis.close();
 * await Promise.all([sql.end({ timeout: 5 }), wakeUpSql.end({ timeout: 5 })]);
 * ```
 */
export async function runPublisher(options: PublisherOptions): Promise<void> {
  await new Publisher(options).run();
}

/** One run. What is due is told by a clock that nobody can put back, `performance.now()`. */
class Publisher {
  readonly #options: PublisherOptions;
  readonly #logger: Logger;
  readonly #health: Health;
  readonly #context: RoundContext;
  readonly #settledIds = new SettledIds();
  readonly #wakeUp: WakeUp;
  readonly #pumps: StreamPumps;
  readonly #stalls: StallWatch;
  readonly #stallMs: number;
  readonly #backoff: Backoff;
  #verifyAt = 0;
  /** Streams that are being compared with their checkpoint. */
  readonly #verifying = new Map<string, Promise<void>>();
  /** Streams that were found to differ from their checkpoint, and for which no pump was started yet. */
  readonly #differing = new Set<string>();
  #settleAt = 0;
  #lowerAt = performance.now() + LOWER_MS;
  #pollTookMs = 0;
  /** Since when a transaction that does not notify keeps this from sleeping. */
  #writersSince: number | undefined;
  /** When a pump last published something. */
  #workedAt = 0;
  #aliveAt = performance.now();

  constructor(options: PublisherOptions) {
    const { sql, redis, signal, logger = silentLogger, health = new Health(), concurrency = 4 } = options;
    this.#options = options;
    this.#logger = logger;
    this.#health = health;
    this.#backoff = options.backoff ?? { baseMs: 250, maxMs: 30_000 };
    const metrics = publisherMetrics(options.metrics ?? noMetrics);
    const repairs = new RepairReport(logger);
    this.#context = {
      sql,
      redis,
      settledIds: this.#settledIds,
      limits: { rows: options.batchRows ?? 1_000, bytes: options.batchBytes ?? 1024 * 1024 },
      maxEventBytes: options.maxEventBytes ?? 32 * 1024 * 1024,
      sessionLimits: { idleMs: options.idleLimitMs ?? 15_000, answerMs: options.answerLimitMs ?? 30_000 },
      replicaWait: options.replicaWait,
      atStep: options.atStep,
      onRepair: (repair) => {
        repairs.tell(repair, Date.now());
        const labels = { stream: repair.stream };
        if (repair.kind !== "lost") return metrics.repaired.add(repair.events, { ...labels, kind: repair.kind });
        metrics.lost.add(repair.events, labels);
        health.fail(
          `${repair.stream} loss`,
          `Redis lost positions ${repair.first} to ${repair.last}, and so did the outbox`,
        );
      },
    };
    this.#wakeUp = new WakeUp(options.wakeUpSql, {
      settledIds: this.#settledIds,
      logger,
      // It is polled with this at least so often, so a session that hears nothing for longer has no client any more.
      idleLimitMs: (options.idleLimitMs ?? 15_000) + (options.pollMs ?? 1_000),
    });
    this.#stallMs = options.stallMs ?? 60_000;
    this.#stalls = new StallWatch({ sql, health, stallMs: this.#stallMs });
    this.#pumps = new StreamPumps({
      publish: async (stream) => {
        const begun = performance.now();
        const outcome = await publishRound(this.#context, stream);
        if (outcome.kind === "published" && outcome.events > 0) {
          metrics.published.add(outcome.events, { stream });
          metrics.roundSeconds.record((performance.now() - begun) / 1_000, { stream });
          metrics.lastPublished.set(Date.now() / 1_000, { stream });
        }
        return outcome;
      },
      admit: async (stop) => await options.pressure?.admit(stop),
      probe: (stream) => appendEntries(redis, stream, ZERO_ENTRY_ID, []),
      concurrency,
      backoff: this.#backoff,
      busyMs: 50,
      lingerMs: options.once ? () => 0 : lingerMs,
      stop: signal,
      onIdle: (events) => {
        if (events > 0) this.#workedAt = performance.now();
        this.#wakeUp.wake();
      },
      onState: (stream, error) => {
        if (error === undefined) return health.recover(stream);
        metrics.errors.add(1, { stream, kind: errorKind(error) });
        health.fail(stream, describeError(error));
      },
      logger,
      now: () => performance.now(),
    });
    options.metrics?.beforeRead(async () => {
      for (const { stream, rows, seconds } of await readBacklogs(sql, this.#settledIds.floors)) {
        metrics.backlogRows.set(rows, { stream });
        metrics.backlogSeconds.set(seconds, { stream });
      }
    });
  }

  async run(): Promise<void> {
    const { redis, signal, once = false } = this.#options;
    redis.onReconnect(() => {
      this.#verifyAt = 0;
      this.#pumps.retryNow();
      this.#wakeUp.wake();
    });
    const wake = (): void => this.#wakeUp.wake();
    signal.addEventListener("abort", wake);
    this.#health.watch("publisher", () => {
      const silentMs = performance.now() - this.#aliveAt;
      return silentMs > this.#stallMs
        ? `It has not looked at the outbox for ${Math.round(silentMs / 1_000)} s`
        : undefined;
    });
    let failures = 0;
    try {
      if (!once) await this.#wakeUp.listen();
      while (!signal.aborted) {
        try {
          const idle = await this.#turn();
          if (once && idle) break;
          if (once) failAfterRetries(this.#pumps);
          if (failures > 0) this.#pumps.retryNow();
          failures = 0;
          this.#health.recover("outbox");
          this.#aliveAt = performance.now();
          await this.#rest();
        } catch (error) {
          if (once && (failures + 1 >= ONCE_FAILURES || error instanceof StreamFailedError)) throw error;
          const waitMs = backoffMs(++failures, {
            ...this.#backoff,
            maxMs: Math.min(this.#backoff.maxMs, OUTBOX_RETRY_MS),
          });
          this.#health.fail("outbox", describeError(error));
          this.#logger.error("Cannot read the outbox", { failures, retryInMs: waitMs, error: describeError(error) });
          this.#aliveAt = performance.now();
          await this.#wakeUp.sleep(waitMs);
        }
      }
    } finally {
      signal.removeEventListener("abort", wake);
      await Promise.all([this.#pumps.settled(), ...this.#verifying.values()]);
      this.#health.forget("publisher");
      await this.#wakeUp.unlisten().catch((error) =>
        this.#logger.debug("Cannot stop listening", { error: describeError(error) })
      );
    }
  }

  /** Looks at the outbox and sets pumps to work. @returns whether there is nothing to do */
  async #turn(): Promise<boolean> {
    const { wakeUpSql, verifyMs = 5_000, once = false } = this.#options;
    if (!this.#settledIds.known) await this.#settle();
    const begunAt = performance.now();
    if (begunAt >= this.#lowerAt) {
      this.#settledIds.lower();
      this.#lowerAt = begunAt + LOWER_MS;
    }
    const backlogged = await this.#wakeUp.poll();
    const streams = new Set(backlogged);
    const now = performance.now();
    this.#pollTookMs = now - begunAt;
    await this.#stalls.look(backlogged, this.#settledIds.floors, now);
    if (now >= this.#verifyAt) {
      this.#verifyAt = now + verifyMs;
      if (this.#wakeUp.refused) await this.#wakeUp.listen();
      await this.#startVerifying();
      if (once) await Promise.all(this.#verifying.values());
    }
    for (const stream of this.#differing) streams.add(stream);
    if (now >= this.#settleAt && (this.#pumps.running > 0 || now - this.#workedAt < 3 * SETTLE_MS)) {
      await this.#settledIds.refresh(wakeUpSql);
      this.#settleAt = now + SETTLE_MS;
    }
    const started = this.#pumps.start([...streams]);
    for (const stream of this.#differing) if (this.#pumps.runs(stream)) this.#differing.delete(stream);
    if (started > 0) await this.#wakeUp.disarm();
    return streams.size === 0 && this.#pumps.running === 0 && this.#pumps.worst === undefined;
  }

  /** Before anything is known to be settled, every look passes over all dead rows: two looks at the writers, if they let them, end that. */
  async #settle(): Promise<void> {
    for (let look = 0; look < 2; look++) await this.#settledIds.refresh(this.#options.wakeUpSql);
  }

  /** Waits for the next reason to look: a short while when work is under way, else armed, until woken or the slow poll is due. */
  async #rest(): Promise<void> {
    const { once = false, pollMs = 1_000 } = this.#options;
    if (this.#pumps.running > 0 || once) {
      const pauseMs = this.#settledIds.floors.length > 1 ? BUSY_POLL_MS : LONE_POLL_MS;
      return await this.#wakeUp.sleep(Math.max(pauseMs, POLL_PAUSES * this.#pollTookMs));
    }
    if (this.#wakeUp.listening && !this.#wakeUp.armed) {
      const state = await this.#wakeUp.arm();
      if (state === "armed") {
        this.#writersSince = undefined;
        return;
      }
      if (state === "writers") {
        return await this.#wakeUp.sleep(writersMs(performance.now() - (this.#writersSince ??= performance.now())));
      }
      this.#writersSince = undefined;
    }
    const longest = this.#wakeUp.listening ? pollMs : Math.min(pollMs, DEAF_POLL_MS);
    await this.#wakeUp.sleep(Math.max(1, Math.min(longest, this.#pumps.nextRetryAt - performance.now())));
  }

  /**
   * Compares the last id of every stream with its checkpoint: a quiet stream must heal too. Nobody waits for the answers, so that a
   * server that is silent does not hold up the streams of others.
   */
  async #startVerifying(): Promise<void> {
    for (const [stream, checkpoint] of await readCheckpoints(this.#context.sql, "publisher")) {
      // A pump that runs compares them itself, with each round.
      if (this.#verifying.has(stream) || this.#pumps.runs(stream)) continue;
      this.#settledIds.add(stream);
      this.#verifying.set(stream, this.#verify(stream, checkpoint).finally(() => this.#verifying.delete(stream)));
    }
  }

  async #verify(stream: string, checkpoint: string): Promise<void> {
    try {
      const outcome = await appendEntries(this.#context.redis, stream, checkpoint, []);
      if (outcome.kind !== "mismatch" || this.#pumps.runs(stream)) return;
    } catch (error) {
      // A pump meets the same error and deals with it: it waits, tells, and tries again.
      this.#logger.debug("Cannot compare a stream with the outbox", { stream, error: describeError(error) });
    }
    this.#differing.add(stream);
    this.#wakeUp.wake();
  }
}

/** Names the stream that kept `once` from ending. */
class StreamFailedError extends Error {
  override readonly name = "StreamFailedError";
}

function failAfterRetries(pumps: StreamPumps): void {
  const worst = pumps.worst;
  if (worst === undefined || worst.failures < ONCE_FAILURES) return;
  throw new StreamFailedError(`Cannot publish to ${worst.stream} after ${worst.failures} tries`, {
    cause: worst.error,
  });
}
