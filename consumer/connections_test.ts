import { startTcpProxy } from "@events-pipeline/local/tcp_proxy";
import { storm } from "@events-pipeline/local/storm";
import { until } from "@events-pipeline/local/until";
import { assertEquals } from "@std/assert";
import { effectPipeline } from "./testdata/effect_pipeline.ts";

Deno.test("consume: two instances whose connections are cut 30 times, also in the midst of messages, keep the effects right", async () => {
  await using pipeline = await effectPipeline();
  await using postgres = await startTcpProxy(pipeline.databaseUrl);
  await using redis = await startTcpProxy(pipeline.redisUrl);
  const environment = { DATABASE_URL: postgres.url, REDIS_URL: redis.url };
  await using _publisher = await pipeline.publisher();
  await using first = await pipeline.consume(environment);
  await using second = await pipeline.consume(environment);
  {
    await using _sending = pipeline.keepSending();
    await until("they work", async () => await pipeline.effects() > 20);
    await storm([postgres, redis], { faults: "cuts", goesOn: (count) => count < 30 });
  }
  await pipeline.check();
  for (const worker of [first, second]) worker.kill("SIGTERM");
  assertEquals([await first.ended, await second.ended], [0, 0], first.output + second.output);
});

Deno.test("consume whose sessions are ended again and again keeps the effects right", async () => {
  await using pipeline = await effectPipeline();
  const { sql } = pipeline;
  await using _publisher = await pipeline.publisher();
  await using worker = await pipeline.consume();
  {
    await using _sending = pipeline.keepSending();
    for (let i = 1; i <= 20; i++) {
      const before = await pipeline.effects();
      await until("it works", async () => await pipeline.effects() > before);
      await sql`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'events-consumer%'`;
    }
  }
  await pipeline.check();
  worker.kill("SIGTERM");
  assertEquals(await worker.ended, 0, worker.output);
});

Deno.test("consume that has nothing to do says that a server is silent, or away, and goes on when it is back", async () => {
  await using pipeline = await effectPipeline();
  await using postgres = await startTcpProxy(pipeline.databaseUrl);
  await using redis = await startTcpProxy(pipeline.redisUrl);
  await using worker = await pipeline.consume({ DATABASE_URL: postgres.url, REDIS_URL: redis.url });
  await pipeline.send(5);
  await pipeline.whenHandled();
  const healthy = () =>
    until("health is well", async () => Object.keys(await worker.faults() ?? { down: true }).length === 0);
  const says = (part: string, reason: RegExp) =>
    until(`health says ${reason}`, async () => reason.test((await worker.faults())?.[part] ?? ""));
  await healthy();
  for (const proxy of [postgres, redis]) proxy.stall();
  await Promise.all([
    says("database", /PostgreSQL has not answered for \d/),
    says("redis", /Redis has not answered for \d/),
  ]);
  for (const proxy of [postgres, redis]) proxy.resume();
  await healthy();
  postgres.refuse();
  postgres.cut();
  await says("database", /ECONNREFUSED/);
  await pipeline.send(5);
  await postgres.accept();
  await pipeline.check();
  await healthy();
});
