import { assertRight, checkPipeline } from "@events-pipeline/checker";
import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { livePublisher } from "./testdata/live_publisher.ts";

const widgets = (count: number) =>
  Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));

Deno.test("runPublisher() finds streams that it has never seen, 200 of them, and the events that come to each later", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis } = pipeline;
  const run = crypto.randomUUID();
  const streams = Array.from({ length: 200 }, (_, i) => defineStreamName(`stream:test-${run}-${i}:events`));
  const sent = new Map<string, string[]>(streams.map((stream) => [stream, []]));
  const publishedAll = () =>
    until(
      "everything is published",
      async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
    );
  try {
    await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
    for (const order of [streams.slice(0, 100), streams.toReversed()]) {
      await sql.begin(async (tx) => {
        for (const stream of order) sent.get(stream)!.push(...await sendEvents(tx, { stream, events: widgets(3) }));
      });
      await publishedAll();
    }
    assertRight(await checkPipeline({ sql, redis, streams, sent, complete: true }));
    assertEquals(publisher.health.faults().size, 0);
  } finally {
    await Promise.all(streams.map((stream) => redis.call("DEL", stream)));
  }
});

Deno.test("runPublisher() says which row of a stream does not move when something else holds the stream's lock", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl, { stallMs: 100 });
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(1) }));
  await until(
    "it is published",
    async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL`).length === 0,
  );
  const fault = () => publisher.health.faults().get(`${stream} stall`);
  await sql.begin(async (tx) => {
    await tx`SELECT FROM events.stream_lease WHERE stream_name = ${stream} FOR UPDATE`;
    await sql.begin((other) => sendEvents(other, { stream, events: widgets(1) }));
    await until("health turns red", () => fault() !== undefined);
    assertEquals(fault()!.slice(0, 60), "Outbox row 2 has been its oldest unpublished one for 0 s");
  });
  await until("health is well", () => publisher.health.faults().size === 0);
});
