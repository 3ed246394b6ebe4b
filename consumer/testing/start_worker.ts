import { parseEntryId } from "@events-pipeline/common";
import { Health } from "@events-pipeline/common/health";
import { type Logger, silentLogger } from "@events-pipeline/common/logger";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisTls } from "@events-pipeline/common/redis";
import { sleep } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import { type ConsumerKey, leaseKeyOf } from "../consumer_state.ts";
import type { Consumer } from "../define_consumer.ts";
import { EntrySource } from "../entry_source.ts";
import { OutboxHistory } from "../history.ts";
import { runConsumers } from "../run_consumers.ts";

/** What {@linkcode startWorker} works with. */
export interface TestWorkerOptions {
  /** The producers' database, `postgres://user:password@host:port/name`. */
  readonly databaseUrl: string;
  /** The database that the handlers write. @default databaseUrl */
  readonly consumerDatabaseUrl?: string;
  /** The Redis, as `connectRedis` takes it. */
  readonly redisUrl: string;
  /** Certificates for it. @default none */
  readonly redisTls?: RedisTls;
  /** Where progress and failures are told. @default silent */
  readonly logger?: Logger;
}

/** How {@linkcode TestWorker.whenCaughtUp} waits. */
export interface WaitOptions {
  /** How often one event may fail before the wait ends with its error. @default 1 */
  readonly attempts?: number;
  /** How long the wait may take, in milliseconds. @default 30000 */
  readonly timeoutMs?: number;
}

/** Consumers at work in a test, until they are disposed of. */
export interface TestWorker extends AsyncDisposable {
  /** What they say is wrong. */
  readonly health: Health;
  /**
   * Waits until everything is handled that was committed to the outbox when it was called. A publisher has to run, in whatever process.
   *
   * @throws {Error} an event fails again and again (with the handler's error), or the time is up (with how far each has come)
   */
  whenCaughtUp(options?: WaitOptions): Promise<void>;
}

/** How often the tables are looked at, in milliseconds. */
const LOOK_MS = 20;

/** A lease of a test that was killed shall hold up the next one for no longer than this, in milliseconds. */
const LEASE_MS = 2_000;

/**
 * Runs consumers in this process, on connections of its own, until they are disposed of. The databases have to be migrated.
 *
 * @example
 * ```ts ignore
 * await using worker = startWorker([notifyOwner], { databaseUrl, redisUrl });
 * await createWidget(sql, { owner_id: "o1" });
 * await worker.whenCaughtUp();
 * assertEquals(await sql`SELECT owner_id FROM widgets.notification`, [{ owner_id: "o1" }]);
 * ```
 */
export function startWorker(consumers: readonly Consumer[], options: TestWorkerOptions): TestWorker {
  const { databaseUrl, redisUrl, redisTls: tls = {}, logger = silentLogger } = options;
  const outbox = connectPostgres(databaseUrl, { applicationName: "events-test-worker", connections: 2, logger });
  const sql = connectPostgres(options.consumerDatabaseUrl ?? databaseUrl, {
    applicationName: "events-test-worker",
    logger,
  });
  const leaseSql = connectPostgres(options.consumerDatabaseUrl ?? databaseUrl, {
    ...{ applicationName: "events-test-worker", connections: 1, logger },
  });
  const redis = connectRedis(redisUrl, { clientName: "events-test-worker", tls, logger });
  const blockingRedis = connectRedis(redisUrl, {
    clientName: "events-test-worker watch",
    commandTimeoutMs: 15_000,
    connectionPerSlot: true,
    ...{ tls, logger },
  });
  const stop = new AbortController();
  const health = new Health();
  const running = runConsumers(consumers, {
    ...{ sql, leaseSql, redis, blockingRedis, health, logger },
    history: new OutboxHistory(outbox),
    signal: stop.signal,
    leaseMs: LEASE_MS,
  });
  running.catch(() => {}); // Disposing of it tells.
  const source = new EntrySource(redis, blockingRedis, logger);
  const keys = consumers.map(({ name, stream }) => ({ consumer: name, stream }));
  return {
    health,
    async whenCaughtUp({ attempts = 1, timeoutMs = 30_000 } = {}) {
      const end = performance.now() + timeoutMs;
      const streams = [...new Set(keys.map(({ stream }) => stream))];
      const unpublished = await lastUnpublished(outbox, streams);
      await until(end, async () => {
        const [row] = await outbox<{ n: number; stream: string }[]>`
          SELECT count(*)::int AS n, min(o.stream_name) AS stream
          FROM unnest(${[...unpublished.keys()]}::text[], ${[
          ...unpublished.values(),
        ]}::text[]::bigint[]) AS u(stream, id)
          JOIN events.outbox_event o ON o.stream_name = u.stream AND o.id <= u.id AND o.published_at IS NULL`;
        if (row!.n === 0) return undefined;
        return `${row!.n} events are not published, such as those of ${row!.stream}. Does a publisher run?`;
      });
      const ends = new Map<string, number>();
      for (const stream of streams) ends.set(stream, parseEntryId(await source.lastId(stream)).position);
      await until(end, () => whatIsMissing(sql, keys, ends, attempts));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      try {
        await running;
      } finally {
        const pools = [sql, leaseSql, outbox].map(closePostgres);
        await Promise.all([redis.close(), blockingRedis.close(), ...pools]);
      }
    },
  };
}

/** The last row of each stream that waits to be published. */
async function lastUnpublished(outbox: Sql, streams: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await outbox<{ stream_name: string; id: string }[]>`
    SELECT stream_name, max(id)::text AS id FROM events.outbox_event
    WHERE stream_name = ANY(${[...streams]}) AND published_at IS NULL GROUP BY stream_name`;
  return new Map(rows.map((row) => [row.stream_name, row.id]));
}

/**
 * What consumers still have to do, in words.
 *
 * @throws {Error} one has failed too often
 */
async function whatIsMissing(
  sql: Sql,
  keys: readonly ConsumerKey[],
  ends: ReadonlyMap<string, number>,
  attempts: number,
): Promise<string | undefined> {
  for (const key of keys) {
    const [row] = await sql<{ checkpoint: string; attempts: number | null; error: string | null }[]>`
      SELECT l.checkpoint, s.attempts, s.last_error AS error FROM events.stream_lease l
      LEFT JOIN events.consumer_state s ON s.consumer_name = ${key.consumer} AND s.stream_name = l.stream_name
      WHERE l.stream_name = ${key.stream} AND l.role = ${leaseKeyOf(key).role}`;
    if (row?.attempts && row.attempts >= attempts) {
      throw new Error(`'${key.consumer}' has failed ${row.attempts} times: ${row.error}`);
    }
    const position = row === undefined ? 0 : parseEntryId(row.checkpoint).position;
    if (position < ends.get(key.stream)!) return `'${key.consumer}' is at ${position} of ${ends.get(key.stream)}`;
  }
  return undefined;
}

/** Looks again and again until nothing is missing. */
async function until(end: number, missing: () => Promise<string | undefined>): Promise<void> {
  while (true) {
    const what = await missing();
    if (what === undefined) return;
    if (performance.now() > end) throw new Error(`Cannot wait any longer: ${what}`);
    await sleep(LOOK_MS);
  }
}
