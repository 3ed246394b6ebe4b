import { compareEntryIds, parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import { Health } from "@events-pipeline/common/health";
import { acquireLease, LeaseLostError, releaseLease } from "@events-pipeline/common/lease";
import { describeError, type Logger, silentLogger } from "@events-pipeline/common/logger";
import { type Metrics, noMetrics } from "@events-pipeline/common/metrics";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { type Backoff, backoffMs, sleep } from "@events-pipeline/common/retry";
import { OutboxHistory } from "@events-pipeline/producer/outbox_history";
import type { Sql } from "postgres";
import { type ArchivePlace, readPlaces, registerStreams } from "./archive_places.ts";
import { type ArchiveContext, archiveSegments, type ArchiveStep } from "./archive_stream.ts";
import { ArchiveWatch } from "./archive_watch.ts";
import { ArchiverMetrics } from "./archiver_metrics.ts";
import type { EntryHistory } from "./entry_reader.ts";
import { errorKind } from "./error_kind.ts";
import { LeaseKeeper } from "./lease_keeper.ts";
import type { ObjectStore } from "./object_store.ts";
import { StoreReports } from "./store_reports.ts";
import { type StreamRule, StreamRules } from "./stream_rules.ts";
import { Waiting } from "./waiting.ts";

/** What {@linkcode runArchiver} works with. */
export interface ArchiverOptions {
  /** A pool on the producers' database. */
  readonly sql: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
  /** Where segments are put. */
  readonly store: ObjectStore;
  /** Has the entries that Redis lacks. @default the outbox */
  readonly history?: EntryHistory;
  /** Where progress and failures are told. @default silent */
  readonly logger?: Logger;
  /** What is measured. @default nothing */
  readonly metrics?: Metrics;
  /** Told which streams cannot be archived, and of a stall. @default nobody */
  readonly health?: Health;
  /** Begin no more segments; those that are recorded are finished. */
  readonly signal: AbortSignal;
  /** Give up those too. @default never */
  readonly cancel?: AbortSignal;
  /** Archive what is published now, then end. @default false */
  readonly once?: boolean;
  /** Only streams whose names fit one of these patterns, in which `*` stands for any text. @default all */
  readonly include?: readonly string[] | undefined;
  /** No streams whose names fit one of these patterns. @default none */
  readonly exclude?: readonly string[] | undefined;
  /** Limits of some streams; the first rule that fits counts. @default none */
  readonly rules?: readonly StreamRule[] | undefined;
  /** How old the first entry of a segment that is not full may grow, in milliseconds. @default 60000 */
  readonly segmentAgeMs?: number;
  /** Entries a segment, at most. @default 50000 */
  readonly segmentCount?: number;
  /** Characters of payload and metadata a segment, at most; a single entry may exceed it. @default 8388608 */
  readonly segmentBytes?: number;
  /** How hard segments are compressed, from 1 to 9. @default 6 */
  readonly gzipLevel?: number;
  /** How many streams are archived at once: each has up to two segments in memory. @default 2 */
  readonly concurrency?: number;
  /** How long a lease lasts without renewal, in milliseconds. @default 10000 */
  readonly leaseMs?: number;
  /** How often streams are looked at, in milliseconds. @default 500 */
  readonly pollMs?: number;
  /** How long a stream may stand still with entries that are due, until health turns red, in milliseconds. @default 300000 */
  readonly stallMs?: number;
  /** How long a stream that fails is left alone. @default from 500 ms to 30 s */
  readonly backoff?: Backoff;
  /** Called at each step of a segment: tests make it die or wait there. @default nothing */
  readonly atStep?: (step: ArchiveStep) => void | Promise<void>;
}

/** With `once`, a stream that fails this often in a row ends the run. */
const ONCE_FAILURES = 5;

/** So many segments of a stream are archived in a row while others wait for their turn. */
const TURN_SEGMENTS = 8;

/** The longest wait until the streams are listed again when that has failed, in milliseconds. */
const LIST_RETRY_MS = 5_000;

/**
 * Archives every stream of the outbox until the signal fires, each on its own: a stream that fails waits alone. Any number of
 * archivers may run; a stream is archived by one of them at a time.
 *
 * @throws {AggregateError} with `once`: streams failed 5 times in a row
 *
 * @example
 * ```ts
 * import { openStore, runArchiver } from "@events-pipeline/archiver";
 * import { connectPostgres } from "@events-pipeline/common/postgres";
 * import { connectRedis } from "@events-pipeline/common/redis";
 *
 * const sql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "archiver" });
 * const redis = connectRedis(Deno.env.get("REDIS_URL")!, { clientName: "archiver" });
 * const store = await openStore(`file://${await Deno.makeTempDir()}`);
 * await runArchiver({ sql, redis, store, once: true, signal: AbortSignal.timeout(60_000) });
 * store.close();
 * await redis.close();
 * await sql.end({ timeout: 5 });
 * ```
 */
export async function runArchiver(options: ArchiverOptions): Promise<void> {
  await new Archiver(options).run();
}

/** A stream whose last turn failed. */
interface Failing {
  readonly failures: number;
  /** Where it stood. */
  readonly checkpoint: string;
  /** When it is due again, on the clock of `performance.now()`, which nobody can put back. */
  readonly retryAt: number;
}

/** One run. */
class Archiver {
  readonly #options: ArchiverOptions;
  readonly #logger: Logger;
  readonly #health: Health;
  readonly #metrics: ArchiverMetrics;
  readonly #context: ArchiveContext;
  readonly #rules: StreamRules;
  readonly #watch: ArchiveWatch;
  readonly #cancel: AbortSignal;
  readonly #once: boolean;
  readonly #ownerId = crypto.randomUUID();
  /** The streams that are archived now. */
  readonly #running = new Map<string, Promise<void>>();
  /** How many others could be, if there were room. */
  #queued = 0;
  /** How far each stream is published, and with `once`, how far it is archived. */
  readonly #published = new Map<string, string>();
  readonly #failing = new Map<string, Failing>();
  /** With `once`, the streams that were given up, and why. */
  readonly #givenUp = new Map<string, unknown>();
  /** When each stream's last turn began: the one that has waited longest is next. */
  readonly #lastTurn = new Map<string, number>();
  #turns = 0;
  #aliveAt = performance.now();
  #wake: () => void = () => {};

  constructor(options: ArchiverOptions) {
    const { sql, redis, store, logger = silentLogger, health = new Health() } = options;
    this.#options = options;
    this.#logger = logger;
    this.#health = health;
    this.#once = options.once ?? false;
    this.#cancel = options.cancel ?? new AbortController().signal;
    this.#metrics = new ArchiverMetrics(options.metrics ?? noMetrics);
    const reports = new StoreReports({ logger, health, metrics: this.#metrics });
    this.#context = {
      sql,
      redis,
      store,
      history: options.history ?? new OutboxHistory(sql),
      metrics: this.#metrics,
      onReport: (report) => reports.tell(report),
      gzipLevel: options.gzipLevel ?? 6,
      atStep: options.atStep,
    };
    this.#rules = new StreamRules({
      include: options.include,
      exclude: options.exclude,
      rules: options.rules,
      limits: {
        count: options.segmentCount ?? 50_000,
        bytes: options.segmentBytes ?? 8 * 1024 * 1024,
        ageMs: options.segmentAgeMs ?? 60_000,
      },
    });
    const stallMs = options.stallMs ?? 300_000;
    this.#watch = new ArchiveWatch({ sql, health, logger, metrics: this.#metrics, rules: this.#rules, stallMs });
  }

  async run(): Promise<void> {
    const { signal, pollMs = 500, backoff, stallMs = 300_000 } = this.#options;
    this.#health.watch("archiver", () => {
      const silentMs = performance.now() - this.#aliveAt;
      return silentMs > stallMs ? `It has not looked at the streams for ${Math.round(silentMs / 1_000)} s` : undefined;
    });
    const wake = (): void => this.#wake();
    signal.addEventListener("abort", wake);
    let failures = 0;
    try {
      while (!signal.aborted) {
        let waitMs = pollMs;
        const woken = new AbortController();
        this.#wake = () => woken.abort();
        try {
          const places = await this.#look();
          if (this.#once && this.#isDone(places)) break;
          failures = 0;
          this.#health.recover("streams");
        } catch (error) {
          if (++failures >= ONCE_FAILURES && this.#once) throw error;
          waitMs = backoffMs(failures, { baseMs: backoff?.baseMs ?? 250, maxMs: LIST_RETRY_MS });
          this.#health.fail("streams", describeError(error));
          this.#logger.error("Cannot list the streams", { failures, retryInMs: waitMs, error: describeError(error) });
        }
        this.#aliveAt = performance.now();
        await sleep(waitMs, woken.signal);
      }
    } finally {
      signal.removeEventListener("abort", wake);
      await Promise.all(this.#running.values());
      this.#health.forget("archiver");
    }
    const failed = [...this.#givenUp.values()];
    if (failed.length > 0) throw new AggregateError(failed, `Cannot archive ${failed.length} of the streams`);
  }

  /** Looks at all streams, and begins turns of those that have something to archive. */
  async #look(): Promise<readonly ArchivePlace[]> {
    const { sql, concurrency = 2 } = this.#options;
    const all = await readPlaces(sql, this.#ownerId);
    const first = this.#published.size === 0;
    const places = all.filter(({ stream }) =>
      this.#rules.archives(stream) && (!this.#once || first || this.#published.has(stream))
    );
    this.#watch.tellExcluded(all.filter(({ stream }) => !this.#rules.archives(stream)), Date.now());
    const fresh = places.filter(({ checkpoint }) => checkpoint === null).map(({ stream }) => stream);
    if (fresh.length > 0) {
      await registerStreams(sql, fresh);
      this.#logger.info("Found new streams", { streams: fresh });
    }
    for (const { stream, published } of places) {
      if (!this.#once || first) this.#published.set(stream, published);
    }
    const due = await this.#watch.due(places, Date.now());
    const ready = places.filter((place) => this.#isReady(place, due));
    ready.sort((a, b) => (this.#lastTurn.get(a.stream) ?? 0) - (this.#lastTurn.get(b.stream) ?? 0));
    const room = Math.max(0, concurrency - this.#running.size);
    this.#queued = Math.max(0, ready.length - room);
    for (const { stream, checkpoint } of ready.slice(0, room)) this.#start(stream, checkpoint ?? ZERO_ENTRY_ID);
    return places;
  }

  #isReady({ stream, checkpoint, pending, taken }: ArchivePlace, due: ReadonlySet<string>): boolean {
    const place = checkpoint ?? ZERO_ENTRY_ID;
    const failing = this.#failing.get(stream);
    if (failing !== undefined && failing.checkpoint !== place) this.#recover(stream);
    if (this.#running.has(stream) || this.#givenUp.has(stream) || taken) return false;
    if ((this.#failing.get(stream)?.retryAt ?? 0) > performance.now()) return false;
    if (pending) return true;
    return this.#once ? compareEntryIds(this.#published.get(stream)!, place) > 0 : due.has(stream);
  }

  /** With `once`: whether every stream is archived as far as it was published at first, or given up. */
  #isDone(places: readonly ArchivePlace[]): boolean {
    return this.#running.size === 0 &&
      places.every(({ stream, checkpoint }) =>
        this.#givenUp.has(stream) || compareEntryIds(this.#published.get(stream)!, checkpoint ?? ZERO_ENTRY_ID) <= 0
      );
  }

  #start(stream: string, checkpoint: string): void {
    this.#lastTurn.set(stream, ++this.#turns);
    const turn = this.#turn(stream).then(
      (archived) => {
        if (archived > 0) this.#recover(stream);
        return archived > 0;
      },
      (error) => this.#fail(stream, checkpoint, error),
    ).then((again) => {
      this.#running.delete(stream);
      if (again || this.#queued > 0) this.#wake();
    });
    this.#running.set(stream, turn);
  }

  #recover(stream: string): void {
    this.#failing.delete(stream);
    this.#health.recover(stream);
  }

  /** @returns whether to look again at once */
  #fail(stream: string, checkpoint: string, error: unknown): boolean {
    if (this.#cancel.aborted) return false;
    if (error instanceof LeaseLostError) {
      this.#logger.info("Another archiver has taken a stream over", { stream });
      return false;
    }
    const { baseMs, maxMs } = this.#options.backoff ?? { baseMs: 500, maxMs: 30_000 };
    const failures = (this.#failing.get(stream)?.failures ?? 0) + 1;
    const retryInMs = backoffMs(failures, { baseMs, maxMs });
    this.#failing.set(stream, { failures, checkpoint, retryAt: performance.now() + retryInMs });
    this.#health.fail(stream, describeError(error));
    this.#metrics.errors.add(1, { stream, kind: errorKind(error) });
    if (this.#once && failures >= ONCE_FAILURES) this.#givenUp.set(stream, error);
    this.#logger.error("Cannot archive", { stream, failures, retryInMs, error: describeError(error) });
    return false;
  }

  /** One turn of a stream. @returns how many segments were archived; none when another archiver has it */
  async #turn(stream: string): Promise<number> {
    const { sql, signal, leaseMs = 10_000 } = this.#options;
    const limits = this.#rules.limitsOf(stream);
    const waiting = new Waiting(sql, stream);
    const lease = await acquireLease(sql, { stream, role: "archiver" }, { ownerId: this.#ownerId, leaseMs });
    if (lease === undefined) return 0;
    const keeper = new LeaseKeeper(lease, { sql, leaseMs, logger: this.#logger });
    const upTo = (): string => this.#published.get(stream)!;
    let segments = 1;
    try {
      return await archiveSegments(this.#context, {
        lease,
        limits,
        upTo,
        stop: signal,
        signal: AbortSignal.any([this.#cancel, keeper.signal]),
        holds: () => keeper.check(),
        goesOn: async (checkpoint) => {
          if (signal.aborted || this.#cancel.aborted || segments++ >= TURN_SEGMENTS && this.#queued > 0) return false;
          const published = upTo();
          if (this.#once) return compareEntryIds(published, checkpoint) > 0;
          if (parseEntryId(published).position - parseEntryId(checkpoint).position >= limits.count) return true;
          return await waiting.due({ checkpoint, published }, limits, Date.now());
        },
      });
    } finally {
      await keeper.stop();
      await releaseLease(sql, lease).catch((error) =>
        this.#logger.warn("Cannot release the lease: it will run out", { stream, error: describeError(error) })
      );
    }
  }
}
