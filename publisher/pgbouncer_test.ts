import { assertRight, checkPipeline } from "@events-pipeline/checker";
import { pipelineMigrations } from "@events-pipeline/cli";
import { Health } from "@events-pipeline/common/health";
import { type Logger, silentLogger } from "@events-pipeline/common/logger";
import { noMetrics as metrics } from "@events-pipeline/common/metrics";
import { migrate } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { defineConsumer, runConsumers } from "@events-pipeline/consumer";
import type { OwnedServer } from "@events-pipeline/local";
import { runTask, startDaemon } from "@events-pipeline/local/daemon_process";
import { createDatabase } from "@events-pipeline/local/database";
import { startPgBouncer } from "@events-pipeline/local/pgbouncer";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import postgres, { type Sql } from "postgres";
import { runHousekeeping } from "./housekeeping.ts";
import { MemoryPressure } from "./memory_pressure.ts";
import { livePublisher } from "./testdata/live_publisher.ts";

/** How long another publisher may take until it has a stream, beyond the idle limit of 1 s. */
const SLACK_MS = 1_500;

/** A pipeline whose database is also reached through a PgBouncer in transaction mode, with few sessions for many clients. */
interface PooledPipeline extends TestPipeline {
  readonly pooler: OwnedServer;
  /** A pool through it. */
  readonly pooled: Sql;
  /** Sends so many events through it. @returns their ids */
  send(count: number): Promise<readonly string[]>;
}

async function pooledPipeline(sessions = 3): Promise<PooledPipeline> {
  await using cleanUp = new AsyncDisposableStack();
  const pipeline = cleanUp.use(await testPipeline());
  const { stream, databaseUrl } = pipeline;
  const settings = { default_pool_size: sessions };
  const pooler = cleanUp.use(await startPgBouncer(databaseUrl, { poolMode: "transaction", settings }));
  const pooled = connectPostgres(pooler.url, { applicationName: "test" });
  cleanUp.defer(() => closePostgres(pooled));
  const owned = cleanUp.move();
  return {
    ...pipeline,
    pooler,
    pooled,
    send: (count) => pooled.begin((tx) => sendEvents(tx, { stream, events: widgets(count) })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function widgets(count: number) {
  return Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
}

async function check({ sql, redis, stream }: TestPipeline, sent: readonly string[], ms?: number): Promise<void> {
  await until("everything is in the stream", async () => await redis.call("XLEN", stream) === sent.length, ms);
  await until(
    "everything is marked",
    async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
  );
  assertRight(await checkPipeline({ sql, redis, streams: [stream], sent: new Map([[stream, sent]]), complete: true }));
}

Deno.test("runPublisher() behind PgBouncer in transaction mode polls and says so; two of them keep the stream right", async () => {
  await using pipeline = await pooledPipeline();
  const { sql, pooler, redisUrl, send } = pipeline;
  const told: string[] = [];
  const tell = (message: string) => void told.push(message);
  const logger: Logger = { ...silentLogger, info: tell, warn: tell };
  const sent: string[] = [];
  const publishers = [1, 2].map(() => livePublisher(pooler.url, redisUrl, { logger, batchRows: 10 }));
  for (let i = 0; i < 50; i++) sent.push(...await send(1 + i % 30));
  await check(pipeline, sent);
  await until("they have found out", () => told.filter((line) => line.includes("polling instead")).length === 2);
  assert(told.some((line) => line.includes("behind a pooler: statements are not prepared")), told.join("\n"));
  sent.push(...await send(5));
  await check(pipeline, sent);
  for (const { health } of publishers) assertEquals([...health.faults()], []);
  const locks = await sql`
    SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND d.datname = current_database()`;
  assertEquals(locks.length, 0);
  for (const publisher of publishers) await publisher[Symbol.asyncDispose]();
  // What was set for a round is not left behind for whoever has the session next.
  const [row] = await pipeline.pooled`SELECT current_setting('idle_in_transaction_session_timeout') AS idle,
    current_setting('statement_timeout') AS statement, current_setting('synchronous_commit') AS commit,
    current_setting('tcp_user_timeout') AS tcp`;
  assertEquals(row, { idle: "0", statement: "0", commit: "on", tcp: "0" });
});

Deno.test("runPublisher() that is paused behind PgBouncer loses the stream within the idle limit", async () => {
  await using pipeline = await pooledPipeline();
  const { pooler, redisUrl, databaseUrl, send } = pipeline;
  const pause = Promise.withResolvers<void>();
  let paused = false;
  await using first = livePublisher(pooler.url, redisUrl, {
    atStep(step) {
      if (step !== "before append" || paused) return;
      paused = true;
      return pause.promise;
    },
  });
  const sent = [...await send(5)];
  await until("it is paused", () => paused);
  try {
    await using _second = livePublisher(databaseUrl, redisUrl);
    await check(pipeline, sent, 1_000 + SLACK_MS);
  } finally {
    pause.resolve();
  }
  sent.push(...await send(5));
  await check(pipeline, sent);
  await until("it is well", () => first.health.faults().size === 0);
});

Deno.test("publisher outlives restarts of PgBouncer, and of the sessions behind it", async () => {
  await using pipeline = await pooledPipeline();
  const { sql, pooler, redisUrl, stream } = pipeline;
  let output = "";
  const daemon = await startDaemon("publisher", {
    environment: { DATABASE_URL: pooler.url, REDIS_URL: redisUrl, PUBLISHER_BATCH_ROWS: "10" },
    onFailure: (text) => output = text,
  });
  try {
    const sent: string[] = [];
    for (let i = 0; i < 5; i++) {
      sent.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(50) })));
      await until(
        "it publishes",
        async () => Number(await pipeline.redis.call("XLEN", stream)) > sent.length - 50,
      );
      if (i % 2 === 0) await pooler.restart();
      else {
        await sql`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND application_name LIKE 'events-publisher%'`;
      }
    }
    await check(pipeline, sent);
  } finally {
    daemon.kill("SIGTERM");
    assertEquals(await daemon.ended, 0, output);
  }
});

Deno.test("runHousekeeping() cleans and trims behind PgBouncer", async () => {
  await using pipeline = await pooledPipeline();
  const { sql, redis, stream, pooled, send, publish } = pipeline;
  await send(1_000);
  await publish();
  await sql`UPDATE events.outbox_event SET published_at = published_at - interval '8 days'`;
  const health = new Health();
  const stop = new AbortController();
  const running = runHousekeeping({
    ...{ sql: pooled, readerDatabases: [pooled], redis, logger: silentLogger, health, metrics },
    ...{ pressure: new MemoryPressure(), signal: stop.signal },
    ...{ cleanEveryMs: 20, cleanRows: 300, trimEveryMs: 20, retentionMs: 1 },
  });
  try {
    await until("the outbox is clean", async () => (await sql`SELECT FROM events.outbox_event`).length === 0);
    await until("the stream is trimmed", async () => Number(await redis.call("XLEN", stream)) < 100);
    assertEquals([...health.faults()], []);
  } finally {
    stop.abort();
    await running;
  }
});

Deno.test("runConsumers() gives each event its effect once behind PgBouncer", async () => {
  await using pipeline = await pooledPipeline();
  const { sql, redis, redisUrl, stream, pooled, send, publish } = pipeline;
  await sql`CREATE TABLE public.effect (id bigint GENERATED ALWAYS AS IDENTITY, event_id text)`;
  const sent = await send(300);
  await publish();
  const consumers = ["a", "b", "c"].map((name) =>
    defineConsumer({
      stream,
      name: `test:${name}`,
      events: [WidgetCreated],
      async handle(_event, context, tx) {
        if (name === "a") await tx`INSERT INTO public.effect (event_id) VALUES (${context.eventId})`;
      },
    })
  );
  const blockingRedis = connectRedis(redisUrl, { clientName: "test", commandTimeoutMs: 15_000 });
  try {
    const signal = AbortSignal.timeout(30_000);
    await runConsumers(consumers, { sql: pooled, redis, blockingRedis, signal, once: true });
  } finally {
    await blockingRedis.close();
  }
  const rows = await sql<{ event_id: string }[]>`SELECT event_id FROM public.effect ORDER BY id`;
  assertEquals(rows.map((row) => row.event_id), sent);
});

Deno.test("migrate, send-event and publisher work behind PgBouncer", async () => {
  await using pipeline = await pooledPipeline();
  const { redis, redisUrl, databaseUrl, pooler, stream } = pipeline;
  const database = await createDatabase(databaseUrl);
  try {
    const url = new URL(pooler.url);
    url.pathname = new URL(database.url).pathname;
    const sql = connectPostgres(url.href, { applicationName: "test" });
    await migrate(sql, pipelineMigrations);
    await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(3) }));
    await closePostgres(sql);
    const environment = { DATABASE_URL: url.href, REDIS_URL: redisUrl };
    const { code, stdout, stderr } = await runTask("publisher", { args: ["--once"], environment });
    assertEquals(code, 0, stdout + stderr);
    assertEquals(await redis.call("XLEN", stream), 3);
  } finally {
    await database.drop();
  }
});

Deno.test("sendEvents() behind PgBouncer says what to set when the caller's pool prepares statements", async () => {
  await using pipeline = await pooledPipeline(2);
  const { pooler, stream } = pipeline;
  const send = (sql: Sql) => sql.begin((tx) => sendEvents(tx, { stream, events: widgets(1) }));
  /** Sends twice, over two sessions: another client has the first one meanwhile. */
  const sendOverTwo = async (url: string): Promise<void> => {
    const [sql, other] = [postgres(url, { max: 1 }), postgres(url, { max: 1 })];
    try {
      await send(sql);
      await other.begin(async (tx) => {
        await tx`SELECT 1`;
        await send(sql);
      });
    } finally {
      await Promise.all([sql.end({ timeout: 5 }), other.end({ timeout: 5 })]);
    }
  };
  await assertRejects(() => sendOverTwo(pooler.url), Error, "add '?prepare=false' to its URL");
  await sendOverTwo(`${pooler.url}?prepare=false`);
});
