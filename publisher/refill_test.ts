import { WidgetCreated } from "@events-pipeline/common/schemas";
import { connectRedis } from "@events-pipeline/common/redis";
import { defineConsumer, runConsumers } from "@events-pipeline/consumer";
import { startRedis } from "@events-pipeline/local";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { assertEquals } from "@std/assert";
import { livePublisher } from "./testdata/live_publisher.ts";
import { sendSteadily } from "./testdata/steady_sender.ts";

Deno.test("consumers at any checkpoint see each event once, in order, when Redis comes back empty again and again under load", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql, redis, stream } = pipeline;
  await sql`CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, consumer text, event_id uuid)`;
  const effects = async (consumer: string): Promise<string[]> => {
    const rows = await sql<
      { event_id: string }[]
    >`SELECT event_id FROM effect WHERE consumer = ${consumer} ORDER BY id`;
    return rows.map((row) => row.event_id);
  };
  // The slow one is far behind all the while; the last one begins when Redis has been empty three times.
  const consumer = (name: string, everyMs: number) =>
    defineConsumer({
      stream,
      name: `test:${name}`,
      events: [WidgetCreated],
      async handle(_event, { eventId }, tx) {
        await tx`INSERT INTO effect (consumer, event_id) VALUES (${name}, ${eventId})`;
        if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
      },
    });
  const stop = new AbortController();
  const blockingRedis = connectRedis(server.url, { clientName: "test", commandTimeoutMs: 15_000 });
  const consume = (...consumers: ReturnType<typeof consumer>[]) =>
    runConsumers(consumers, { sql, redis, blockingRedis, signal: stop.signal });
  const running = [consume(consumer("quick", 0), consumer("slow", 2))];
  try {
    await using _publisher = livePublisher(pipeline.databaseUrl, server.url);
    await using sender = sendSteadily(sql, stream);
    for (let i = 0; i < 3; i++) {
      const handled = (await effects("quick")).length;
      await until("the quick one goes on", async () => (await effects("quick")).length > handled + 100, 20_000);
      await redis.call("FLUSHALL");
    }
    running.push(consume(consumer("late", 0)));
    await sender.stop();
    const rows = await sql<{ event_id: string }[]>`SELECT event_id FROM events.outbox_event ORDER BY id`;
    const sent = rows.map((row) => row.event_id);
    for (const name of ["quick", "slow", "late"]) {
      await until(`the ${name} one has them all`, async () => (await effects(name)).length >= sent.length, 30_000);
      assertEquals(await effects(name), sent);
    }
  } finally {
    stop.abort();
    await Promise.all(running);
    await blockingRedis.close();
  }
});
