import { WidgetCreated } from "@events-pipeline/common/schemas";
import { acquireLease } from "@events-pipeline/common/lease";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { sleep } from "@events-pipeline/common/retry";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvent } from "@events-pipeline/producer";
import { runPublisher } from "@events-pipeline/publisher";
import { assertEquals } from "@std/assert";
import { defineConsumer } from "./define_consumer.ts";
import { runConsumers } from "./run_consumers.ts";

Deno.test("runPublisher() and runConsumers() carry an event that is sent while both sleep, and stop cleanly", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream, databaseUrl, redisUrl } = pipeline;
  const handled: string[] = [];
  const consumer = defineConsumer({
    stream,
    name: "test:live",
    events: [WidgetCreated],
    handle: (event) => void handled.push(event.payload.widget_id),
  });
  const stop = new AbortController();
  const wakeUpSql = connectPostgres(databaseUrl, { applicationName: "test", connections: 1 });
  const blockingRedis = connectRedis(redisUrl, { clientName: "test", commandTimeoutMs: 15_000 });
  const running = [
    runPublisher({ sql, wakeUpSql, redis, signal: stop.signal, pollMs: 60_000, verifyMs: 60_000 }),
    runConsumers([consumer], { sql, redis, blockingRedis, signal: stop.signal }),
  ];
  try {
    for (let i = 0; i < 5; i++) {
      // The poll is set to a minute: only the wake-up can bring the event in time.
      await publisherSleeps(sql);
      await sql.begin((tx) =>
        sendEvent(tx, { stream, event: WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }) })
      );
      const deadline = Date.now() + 10_000;
      while (handled.length <= i && Date.now() < deadline) await sleep(5);
      assertEquals(handled.length, i + 1);
    }
    assertEquals(handled, ["w0", "w1", "w2", "w3", "w4"]);
  } finally {
    stop.abort();
    await Promise.all(running);
    await blockingRedis.close();
    await closePostgres(wakeUpSql);
  }
  // The lease was released: a successor need not wait for it to run out.
  const successor = await acquireLease(sql, { stream, role: "consumer:test:live" }, {
    ownerId: "next",
    leaseMs: 1_000,
  });
  assertEquals(successor?.checkpoint.split("-")[1], "5");
});

async function publisherSleeps(sql: ReturnType<typeof connectPostgres>): Promise<void> {
  while (true) {
    const [row] = await sql`
      SELECT EXISTS (
        SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.mode = 'ExclusiveLock' AND d.datname = current_database()
      ) AS armed`;
    if (row!["armed"]) return;
    await sleep(5);
  }
}

Deno.test("runConsumers() changes nothing once another owner has taken the lease", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream, redisUrl } = pipeline;
  await sql`CREATE TABLE effect (tenure int)`;
  await sql.begin((tx) => sendEvent(tx, { stream, event: WidgetCreated.create({ widget_id: "w", owner_id: "o" }) }));
  await pipeline.publish();
  const blockingRedis = connectRedis(redisUrl, { clientName: "test", commandTimeoutMs: 15_000 });
  const stop = new AbortController();
  let tenure = 0;
  const consumer = defineConsumer({
    stream,
    name: "test:fenced",
    events: [WidgetCreated],
    async handle(_event, _context, tx) {
      await tx`INSERT INTO effect (tenure) VALUES (${++tenure})`;
      if (tenure > 1) return void stop.abort();
      // As if this process had been paused past its lease: meanwhile another one took it, and let it go again.
      const other = sql.begin(async (sql) => {
        await sql`
          UPDATE events.stream_lease SET fencing_token = fencing_token + 1, lease_until = NULL
          WHERE role = 'consumer:test:fenced'`;
      });
      await other;
    },
  });
  try {
    await runConsumers([consumer], { sql, redis, blockingRedis, signal: stop.signal });
  } finally {
    await blockingRedis.close();
  }
  assertEquals([...await sql`SELECT tenure FROM effect`], [{ tenure: 2 }]);
});
