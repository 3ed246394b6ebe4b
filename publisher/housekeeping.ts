import { parseEntryId } from "@events-pipeline/common";
import type { Health } from "@events-pipeline/common/health";
import { readCheckpoints } from "@events-pipeline/common/lease";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import type { Counter, Gauge, Metrics } from "@events-pipeline/common/metrics";
import { sleep } from "@events-pipeline/common/retry";
import { cleanBatch, readOutboxBytes } from "./clean_up.ts";
import { evictsStreams, type MemoryPressure, readMemory, usedShare } from "./memory_pressure.ts";
import { readTrimFloor, type TrimContext, type TrimFloor, trimStream } from "./trim.ts";

/** What housekeeping works with. */
export interface HousekeepingOptions extends TrimContext {
  /** Where it is told what went, and what holds it up. */
  readonly logger: Logger;
  /** Told when trimming or cleaning fails, and when Redis is nearly full. */
  readonly health: Health;
  /** What is measured. */
  readonly metrics: Metrics;
  /** Told whether the publisher is to slow down. */
  readonly pressure: MemoryPressure;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** How long a published row stays in the outbox, in milliseconds. @default 7 days */
  readonly keepMs?: number;
  /** How often the outbox is cleaned, in milliseconds. @default 5 minutes */
  readonly cleanEveryMs?: number;
  /** Rows a batch of the clean-up. @default 1000 */
  readonly cleanRows?: number;
  /** How long an entry stays in Redis at least, in milliseconds, unless memory is short. @default 24 hours */
  readonly retentionMs?: number;
  /** How often streams are trimmed, in milliseconds. @default 30 seconds */
  readonly trimEveryMs?: number;
  /** The share of Redis's `maxmemory` above which the retention time no longer counts. @default 0.8 */
  readonly memoryShare?: number;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A pause between two batches of the clean-up, in milliseconds: it shall not be felt. */
const BETWEEN_BATCHES_MS = 20;

/** A reader that holds the floor for so much longer than the retention time, in milliseconds, is worth a line in the log. */
const HELD_MS = 60 * MINUTE;

/** Keeps the outbox and the streams small until the signal fires. Its faults never stop the publishing. */
export async function runHousekeeping(options: HousekeepingOptions): Promise<void> {
  await new Housekeeping(options).run();
}

/** One run. */
class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #cleaned: Counter;
  readonly #trimmed: Counter;
  readonly #floorAge: Gauge;
  readonly #memory: Gauge;
  readonly #memoryUsed: Gauge;
  readonly #memoryLimit: Gauge;
  readonly #outboxBytes: Gauge;
  /** Who held each stream's floor when last looked at. */
  readonly #holders = new Map<string, string>();

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    const { metrics } = options;
    const labels = ["stream"];
    this.#cleaned = metrics.counter({
      name: "events_cleaned_total",
      help: "Published rows deleted from the outbox",
      labels,
    });
    this.#trimmed = metrics.counter({ name: "events_trimmed_total", help: "Entries trimmed from Redis", labels });
    this.#floorAge = metrics.gauge({
      name: "events_trim_floor_age_seconds",
      help: "How old the last entry is that every reader has passed; held_by is the slowest of them",
      labels: ["stream", "held_by"],
    });
    this.#memory = metrics.gauge({ name: "events_redis_memory_ratio", help: "The share of maxmemory that Redis uses" });
    this.#memoryUsed = metrics.gauge({ name: "events_redis_memory_used_bytes", help: "Bytes that Redis uses" });
    this.#memoryLimit = metrics.gauge({
      name: "events_redis_memory_limit_bytes",
      help: "Bytes that Redis may use: its maxmemory, or 0 when it has none",
    });
    this.#outboxBytes = metrics.gauge({
      name: "events_outbox_size_bytes",
      help: "Bytes of the outbox on disk, with its indexes",
    });
  }

  async run(): Promise<void> {
    const { cleanEveryMs = 5 * MINUTE, trimEveryMs = MINUTE / 2 } = this.#options;
    await Promise.all([
      this.#repeat("outbox clean-up", cleanEveryMs, () => this.#clean()),
      this.#repeat("stream trimming", trimEveryMs, () => this.#trim()),
    ]);
  }

  async #repeat(part: string, everyMs: number, act: () => Promise<void>): Promise<void> {
    const { signal, health, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await act();
        health.recover(part);
      } catch (error) {
        if (signal.aborted) return;
        health.fail(part, describeError(error));
        logger.warn(`Cannot do the ${part}`, { retryInMs: everyMs, error: describeError(error) });
      }
      // A tenth more or less, so that many publishers do not do it at once.
      await sleep(everyMs * (0.9 + 0.2 * Math.random()), signal);
    }
  }

  async #clean(): Promise<void> {
    const { sql, signal, logger, cleanRows = 1_000, keepMs = 7 * DAY } = this.#options;
    for (const stream of (await readCheckpoints(sql, "publisher")).keys()) {
      let rows = 0;
      while (!signal.aborted) {
        const deleted = await cleanBatch(sql, stream, { keepMs, rows: cleanRows });
        rows += deleted;
        if (deleted < cleanRows) break;
        await sleep(BETWEEN_BATCHES_MS, signal);
      }
      if (rows === 0) continue;
      this.#cleaned.add(rows, { stream });
      logger.info("Deleted published rows", { stream, rows });
    }
  }

  async #trim(): Promise<void> {
    const { sql, logger, signal, retentionMs = DAY, memoryShare = 0.8 } = this.#options;
    this.#outboxBytes.set(await readOutboxBytes(sql));
    const share = await this.#memoryShare();
    const short = share > memoryShare;
    if (short) logger.warn("Redis is nearly full: trimming all that every reader has passed", { share });
    const before = Date.now() - retentionMs;
    const failed: Error[] = [];
    for (const stream of (await readCheckpoints(sql, "publisher")).keys()) {
      if (signal.aborted) return;
      try {
        await this.#trimOne(stream, before, short);
      } catch (cause) {
        failed.push(new Error(`Cannot trim ${stream}`, { cause })); // The others may be well: on another node, say.
      }
    }
    this.#slowDown(short ? await this.#memoryShare() : share);
    if (failed.length > 0) throw new AggregateError(failed);
  }

  async #trimOne(stream: string, before: number, short: boolean): Promise<void> {
    const floor = await readTrimFloor(this.#options, stream);
    if (floor === undefined) return;
    this.#tellFloor(stream, floor, before);
    const entries = await trimStream(this.#options, stream, floor, short ? Infinity : before);
    if (entries === 0) return;
    this.#trimmed.add(entries, { stream });
    this.#options.logger.info("Trimmed a stream", { stream, entries });
  }

  async #memoryShare(): Promise<number> {
    const memory = await readMemory(this.#options.redis);
    this.#memoryUsed.set(memory.used);
    this.#memoryLimit.set(memory.limit);
    const { health } = this.#options;
    if (!evictsStreams(memory)) health.recover("Redis eviction");
    else {
      health.fail(
        "Redis eviction",
        `Redis deletes streams when it is full: its maxmemory-policy is ${memory.policy}, and has to be noeviction`,
      );
    }
    return usedShare(memory);
  }

  /** What trimming could not make room for has to wait in PostgreSQL. */
  #slowDown(share: number): void {
    const { health, logger, pressure, memoryShare = 0.8 } = this.#options;
    this.#memory.set(share);
    const slow = share > memoryShare;
    if (slow) health.fail("Redis memory", `${Math.round(share * 100)} % of maxmemory is in use: publishing slowly`);
    else health.recover("Redis memory");
    if (!pressure.set(slow)) return;
    if (slow) logger.warn("Redis is nearly full and nothing more may be trimmed: publishing slowly", { share });
    else logger.info("Redis has room again: publishing at full speed", { share });
  }

  #tellFloor(stream: string, { entryId, heldBy }: TrimFloor, before: number): void {
    const holder = this.#holders.get(stream);
    if (holder !== undefined && holder !== heldBy) this.#floorAge.remove({ stream, held_by: holder });
    this.#holders.set(stream, heldBy);
    const { ms } = parseEntryId(entryId);
    if (ms > 0) this.#floorAge.set((Date.now() - ms) / 1_000, { stream, held_by: heldBy });
    if (heldBy === "publisher" || heldBy === holder || ms > before - HELD_MS) return;
    this.#options.logger.warn("A reader keeps a stream from being trimmed", { stream, reader: heldBy, at: entryId });
  }
}
