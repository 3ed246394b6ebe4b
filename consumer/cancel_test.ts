import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startDaemon } from "@events-pipeline/local/daemon_process";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvent } from "@events-pipeline/producer";
import { assertEquals, assertStringIncludes } from "@std/assert";

Deno.test("consume gives up a handler that never returns at the second signal, and its effect is rolled back", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis } = pipeline;
  const stream = defineStreamName("stream:stuck:events");
  await redis.call("DEL", stream);
  await sql`CREATE TABLE public.effect (event_id uuid PRIMARY KEY)`;
  const event = WidgetCreated.create({ widget_id: "w", owner_id: "o" });
  await sql.begin((tx) => sendEvent(tx, { stream, event }));
  await pipeline.publish();
  let output = "";
  const daemon = await startDaemon("consume", {
    args: ["--handlers", "consumer/testdata/stuck_handlers.ts"],
    environment: { DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl },
    onFailure: (text) => output = text,
  });
  await until(
    "the handler has written and waits in its transaction",
    async () =>
      (await sql`
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE '%public.effect%'`).length >
        0,
  );
  // Two different ones: a second SIGTERM could be merged with the first.
  daemon.kill("SIGTERM");
  daemon.kill("SIGINT");
  assertEquals(await daemon.ended, 1);
  assertStringIncludes(output, "What was in hand is given up");
  assertEquals((await sql`SELECT FROM public.effect`).length, 0);
  assertEquals([...await sql`SELECT checkpoint FROM events.stream_lease WHERE role LIKE 'consumer:%'`], [
    { checkpoint: "0-0" },
  ]);
  await redis.call("DEL", stream);
});
