import { prometheusMetrics } from "@events-pipeline/common/prometheus";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { callRedis } from "@events-pipeline/local/redis_call";
import { startRedis } from "@events-pipeline/local";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals } from "@std/assert";
import { pauseConsumer } from "./control/pause.ts";
import { defineConsumer } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

async function send({ sql, stream, publish }: TestPipeline, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await publish();
}

Deno.test("metrics and health tell how far a consumer is behind, and that it stands still, until it moves or is paused", async () => {
  await using pipeline = await testPipeline();
  await send(pipeline, 7);
  const { stream } = pipeline;
  const goOn = Promise.withResolvers<void>();
  const key = { consumer: "test:slow", stream };
  const consumer = defineConsumer({
    ...{ stream, name: key.consumer, events: [WidgetCreated], maxBatch: 1 },
    async handle(event) {
      if (event.payload.widget_id === "w3") await goOn.promise;
    },
  });
  const metrics = prometheusMetrics();
  const value = async (name: string): Promise<number> => {
    const line = (await metrics.render()).split("\n").find((line) => line.startsWith(`${name}{`));
    assert(line === undefined || line.includes(`consumer="test:slow",stream="${stream}"`));
    return Number(line?.split(" ").at(-1));
  };
  await using live = liveConsumers(pipeline, [consumer], { metrics, stallMs: 200, leaseMs: 5_000 });
  await until("it is at w3", async () => await value("events_consumer_lag_events") === 4);
  assertEquals(await value("events_handled_total"), 3);
  assertEquals(await value("events_handler_duration_seconds_count"), 3);
  assertEquals(await value("events_consumer_lease_held"), 1);
  assert(await value("events_consumer_lag_seconds") > 0);
  const stalled = (): string | undefined => live.health.faults().get("consumer:test:slow stall");
  await until("health says so", () => /4 events behind, and has stood at \d+-3 for/.test(stalled() ?? ""));
  assert(await value("events_consumer_checkpoint_age_seconds") >= 0.2);
  await pauseConsumer(pipeline.sql, key);
  await until("a paused one may stand still", () => stalled() === undefined);
  await pipeline.sql`UPDATE events.consumer_state SET paused_at = NULL`;
  await until("health says so again", () => stalled() !== undefined);
  goOn.resolve();
  await until("it is well", () => live.health.faults().size === 0);
  assertEquals(await value("events_consumer_lag_events"), 0);
  assertEquals(await value("events_consumer_lag_seconds"), 0);
});

Deno.test("50 consumers of one stream share connections, and the stream is read once for all who have caught up", async () => {
  await using server = await startRedis();
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { stream, sql } = pipeline;
  await sql`CREATE TABLE effect (consumer text, widget_id text)`;
  const consumers = Array.from({ length: 50 }, (_, i) =>
    defineConsumer({
      ...{ stream, name: `test:many-${i}`, events: [WidgetCreated] },
      async handle(event, _context, tx) {
        await tx`INSERT INTO effect VALUES (${`test:many-${i}`}, ${event.payload.widget_id})`;
      },
    }));
  const reads = async (): Promise<number> =>
    Number(/cmdstat_xread:calls=(\d+)/.exec(String(await callRedis(server.url, ["INFO", "commandstats"])))?.[1] ?? 0);
  const handled = async (): Promise<number> =>
    (await sql<{ n: number }[]>`SELECT count(*)::int AS n FROM effect`)[0]!.n;
  await using _live = liveConsumers(pipeline, consumers, { leaseMs: 10_000 });
  await send(pipeline, 1);
  await until("all have it", async () => await handled() === 50);
  const before = await reads();
  for (let i = 1; i <= 10; i++) {
    await send(pipeline, 1);
    await until("all have it", async () => await handled() === 50 * (i + 1));
  }
  // For each event a blocking read, and sometimes one more, when a worker comes back to wait after the next read has begun.
  const perEvent = (await reads() - before) / 10;
  assert(perEvent < 10, `${perEvent} reads for an event`);
  const [row] = await sql<{ n: number }[]>`
    SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'test'`;
  assert(row!.n <= 12, `${row!.n} connections`);
});
