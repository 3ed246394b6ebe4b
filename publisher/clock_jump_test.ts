import { WidgetCreated } from "@events-pipeline/common/schemas";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { livePublisher } from "./testdata/live_publisher.ts";

Deno.test("runPublisher() tries a stream again that has failed, though the clock is put back meanwhile", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  const long = WidgetCreated.create({ widget_id: "x".repeat(2_000), owner_id: "o" });
  const short = WidgetCreated.create({ widget_id: "x", owner_id: "o" });
  await sql.begin((tx) => sendEvents(tx, { stream, events: [long, short] }));
  const { now } = Date;
  const backoff = { baseMs: 1_000, maxMs: 1_000 };
  await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl, { maxEventBytes: 1_000, backoff });
  await until("the long one holds up the stream", () => publisher.health.faults().has(stream));
  try {
    Date.now = () => now() - 3_600_000;
    await sql`DELETE FROM events.outbox_event WHERE id = 1`;
    await until("the short one is published", async () => await redis.call("XLEN", stream) === 1);
    await until("health is well", () => publisher.health.faults().size === 0);
    await redis.call("DEL", stream);
    await until("what Redis has lost is put back", async () => await redis.call("XLEN", stream) === 1);
  } finally {
    Date.now = now;
  }
});
