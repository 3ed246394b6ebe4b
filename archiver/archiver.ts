import { compareEntryIds } from "@events-pipeline/common";
import {
  acquireLease,
  type Lease,
  LeaseLostError,
  readCheckpoints,
  readLease,
  releaseLease,
  renewLease,
} from "@events-pipeline/common/lease";
import { describeError, type Logger, silentLogger } from "@events-pipeline/common/logger";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { backoffMs, sleep } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import { type ArchiveContext, archiveSegment } from "./archive_stream.ts";
import type { ObjectStore } from "./object_store.ts";

/** What {@linkcode runArchiver} works with. */
export interface ArchiverOptions {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
  /** Where segments are put. */
  readonly store: ObjectStore;
  /** Where progress and failures are told. @default silent */
  readonly logger?: Logger;
  /** Begin no more segments; the ones in hand are finished. */
  readonly signal: AbortSignal;
  /** Archive what is published now, then end. @default false */
  readonly once?: boolean;
  /** How long a lease lasts without renewal, in milliseconds. @default 10000 */
  readonly leaseMs?: number;
  /** How often streams are looked at, in milliseconds. @default 500 */
  readonly pollMs?: number;
  /** How old the first entry of a segment that is not full must be, in milliseconds. @default 60000 */
  readonly segmentAgeMs?: number;
  /** Entries a segment, at most. @default 5000 */
  readonly segmentCount?: number;
  /** Bytes of payload a segment, at most; a single entry may exceed it. @default 8388608 */
  readonly segmentBytes?: number;
}

/** With `once`, a stream that fails this often in a row ends the run. */
const ONCE_FAILURES = 5;

/**
 * Archives every stream of the outbox until the signal fires, each on its own: a stream that fails waits alone. Any number of
 * archivers may run; a stream is archived by one of them at a time.
 *
 * @throws {AggregateError} with `once`: streams failed 5 times in a row
 */
export async function runArchiver(options: ArchiverOptions): Promise<void> {
  const { sql, signal, logger = silentLogger, pollMs = 500, once = false } = options;
  const tasks = new Map<string, Promise<void>>();
  const failed: unknown[] = [];
  let failures = 0;
  while (!signal.aborted) {
    try {
      for (const [stream, published] of await readCheckpoints(sql, "publisher")) {
        if (tasks.has(stream)) continue;
        const target = once ? published : undefined;
        tasks.set(stream, archiveStream(options, stream, target).catch((error) => void failed.push(error)));
      }
      failures = 0;
      if (once) break;
    } catch (error) {
      if (++failures >= ONCE_FAILURES && once) throw error;
      logger.error("Cannot list the streams", { failures, error: describeError(error) });
    }
    await sleep(failures === 0 ? pollMs : backoffMs(failures, { baseMs: 250, maxMs: 30_000 }), signal);
  }
  await Promise.all(tasks.values());
  if (failed.length > 0) throw new AggregateError(failed, `Cannot archive ${failed.length} of ${tasks.size} streams`);
}

/** Archives one stream until the signal fires, or up to the target. */
async function archiveStream(options: ArchiverOptions, stream: string, target: string | undefined): Promise<void> {
  const { sql, signal, logger = silentLogger, leaseMs = 10_000, pollMs = 500 } = options;
  const key = { stream, role: "archiver" };
  const ownerId = crypto.randomUUID();
  let failures = 0;
  while (!signal.aborted) {
    try {
      if (target !== undefined && compareEntryIds((await readLease(sql, key))?.checkpoint ?? "0-0", target) >= 0) {
        return;
      }
      const lease = await acquireLease(sql, key, { ownerId, leaseMs });
      if (lease !== undefined) {
        await holdLease(options, lease, target);
        if (target !== undefined) continue;
      }
      failures = 0;
      await sleep(pollMs, signal);
    } catch (error) {
      if (error instanceof LeaseLostError) continue;
      if (++failures >= ONCE_FAILURES && target !== undefined) throw error;
      const waitMs = backoffMs(failures, { baseMs: 500, maxMs: 30_000 });
      logger.error("Cannot archive", { stream, failures, retryInMs: waitMs, error: describeError(error) });
      await sleep(waitMs, signal);
    }
  }
}

/** One tenure: segment after segment, the lease renewed between them, until the signal fires or the target is reached. */
async function holdLease(options: ArchiverOptions, lease: Lease, target: string | undefined): Promise<void> {
  const { sql, redis, store, signal, logger = silentLogger, leaseMs = 10_000, pollMs = 500 } = options;
  const context: ArchiveContext = {
    sql,
    redis,
    store,
    limits: { count: options.segmentCount ?? 5_000, bytes: options.segmentBytes ?? 8 * 1024 * 1024 },
    segmentAgeMs: target === undefined ? options.segmentAgeMs ?? 60_000 : 0,
    now: Date.now,
  };
  let renewAt = Date.now() + leaseMs / 3;
  try {
    while (!signal.aborted) {
      const archived = await archiveSegment(context, lease);
      if (archived) logger.debug("Archived a segment", { stream: lease.stream });
      if (!archived && target !== undefined) return;
      if (Date.now() >= renewAt) {
        await renewLease(sql, lease, leaseMs);
        renewAt = Date.now() + leaseMs / 3;
      }
      if (!archived) await sleep(Math.min(pollMs, leaseMs / 3), signal);
    }
  } finally {
    await releaseLease(sql, lease).catch((error) =>
      logger.warn("Cannot release the lease: it will run out", { stream: lease.stream, error: describeError(error) })
    );
  }
}
