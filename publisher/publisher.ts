import { compareEntryIds } from "@events-pipeline/common";
import { readCheckpoints } from "@events-pipeline/common/lease";
import { describeError, type Logger, silentLogger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { type Backoff, backoffMs } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import { appendEntries } from "./append_script.ts";
import { type BatchContext, publishBatch } from "./batch.ts";
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
  /** Stop taking batches; the ones in hand are finished. */
  readonly signal: AbortSignal;
  /** End when nothing is left to publish. @default false */
  readonly once?: boolean;
  /** Rows a batch, at most. @default 1000 */
  readonly batchRows?: number;
  /** Bytes of payload a batch, at most; a single event may exceed it. @default 4194304 */
  readonly batchBytes?: number;
  /** How many streams are published at once; each takes a connection of the pool. @default 4 */
  readonly concurrency?: number;
  /** How often the outbox is looked at when nothing wakes the publisher, in milliseconds. @default 1000 */
  readonly pollMs?: number;
  /** How often each stream's last id is compared with its checkpoint, in milliseconds. @default 5000 */
  readonly verifyMs?: number;
  /** How long the server lets a paused publisher hold a stream, in milliseconds. @default 15000 */
  readonly idleLimitMs?: number;
  /** How long a stream that fails is left alone. @default from 250 ms to 30 s */
  readonly backoff?: Backoff;
}

/** With `once`, a stream that fails this often in a row ends the run. */
const ONCE_FAILURES = 5;

/** While pumps run the outbox is looked at this often, for streams that have none. */
const BUSY_POLL_MS = 20;

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
  const { sql, redis, signal, logger = silentLogger, concurrency = 4, pollMs = 1_000, verifyMs = 5_000 } = options;
  const backoff = options.backoff ?? { baseMs: 250, maxMs: 30_000 };
  const context: BatchContext = {
    sql,
    redis,
    logger,
    limits: { rows: options.batchRows ?? 1_000, bytes: options.batchBytes ?? 4 * 1024 * 1024 },
    idleLimitMs: options.idleLimitMs ?? 15_000,
    now: Date.now,
  };
  const wakeUp = new WakeUp(options.wakeUpSql, logger);
  const pumps = new StreamPumps({
    publish: (stream) => publishBatch(context, stream),
    concurrency,
    backoff,
    busyMs: 50,
    stop: signal,
    onIdle: () => wakeUp.wake(),
    logger,
    now: Date.now,
  });
  let verifyAt = 0;
  const verifySoon = (): void => {
    verifyAt = 0;
    wakeUp.wake();
  };
  const wake = (): void => wakeUp.wake();
  redis.onReconnect(verifySoon);
  signal.addEventListener("abort", wake);
  let failures = 0;
  try {
    if (!options.once) await wakeUp.listen();
    while (!signal.aborted) {
      try {
        const streams = new Set(await wakeUp.poll());
        if (Date.now() >= verifyAt) {
          for (const stream of await differingStreams(context)) streams.add(stream);
          verifyAt = Date.now() + verifyMs;
        }
        const started = pumps.start([...streams]);
        failures = 0;
        if (options.once && streams.size === 0 && pumps.running === 0 && pumps.worst === undefined) break;
        if (options.once) failAfterRetries(pumps);
        if (started > 0) await wakeUp.disarm();
        await rest(wakeUp, pumps, pollMs);
      } catch (error) {
        if (options.once && (failures + 1 >= ONCE_FAILURES || error instanceof StreamFailedError)) throw error;
        const waitMs = backoffMs(++failures, backoff);
        logger.error("Cannot read the outbox", { failures, retryInMs: waitMs, error: describeError(error) });
        await wakeUp.sleep(waitMs);
      }
    }
  } finally {
    signal.removeEventListener("abort", wake);
    await pumps.settled();
    await wakeUp.unlisten().catch((error) => logger.debug("Cannot stop listening", { error: describeError(error) }));
  }
}

/** Waits for the next reason to poll: a short while when work is under way, else armed, until woken or the slow poll is due. */
async function rest(wakeUp: WakeUp, pumps: StreamPumps, pollMs: number): Promise<void> {
  if (pumps.running > 0) return await wakeUp.sleep(BUSY_POLL_MS);
  if (!wakeUp.armed) {
    const state = await wakeUp.arm();
    if (state === "armed") return;
    if (state === "writers") return await wakeUp.sleep(BUSY_POLL_MS);
  }
  await wakeUp.sleep(Math.max(1, Math.min(pollMs, pumps.nextRetryAt - Date.now())));
}

/** The streams whose last id is not their checkpoint. A quiet stream must heal too, so this asks of each. */
async function differingStreams(context: BatchContext): Promise<readonly string[]> {
  const checkpoints = [...await readCheckpoints(context.sql, "publisher")];
  const differing = await Promise.all(checkpoints.map(async ([stream, checkpoint]) => {
    try {
      const outcome = await appendEntries(context.redis, stream, checkpoint, []);
      return outcome.kind === "mismatch" && compareEntryIds(outcome.actual, checkpoint) !== 0 ? [stream] : [];
    } catch (error) {
      context.logger.error("Cannot compare a stream with the outbox", { stream, error: describeError(error) });
      return [];
    }
  }));
  return differing.flat();
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
