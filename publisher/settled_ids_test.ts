import { WidgetCreated } from "@events-pipeline/common/schemas";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { SettledIds } from "./settled_ids.ts";
import { livePublisher } from "./testdata/live_publisher.ts";

const widgets = (count: number) =>
  Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));

Deno.test("SettledIds.raise() takes nothing that was settled before the server changed", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) }));
  const ids = new SettledIds();
  ids.sameServer("the old one");
  ids.add(stream);
  await ids.refresh(sql);
  await ids.refresh(sql);
  const { settled } = ids; // As a round does that begins now, and is served by the next server.
  assertEquals(settled.id, 5n);
  assertEquals(ids.sameServer("the new one"), false);
  ids.raise(stream, settled, undefined);
  assertEquals(ids.floorOf(stream), "0");
});

Deno.test("runPublisher() publishes what was sent after a restore from an older backup into the same server", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await using _publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
  const unpublished = async () =>
    (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length;
  // It knows what is settled after the second look at the writers, a second after the first.
  const end = performance.now() + 2_500;
  await until("it has worked for a while", async () => {
    await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(1) }));
    return performance.now() > end;
  });
  await until("all is published", async () => await unpublished() === 0);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  // As pg_restore does with a backup from before the first event, and Redis is emptied too.
  await sql.begin(async (tx) => {
    await tx`TRUNCATE events.outbox_event RESTART IDENTITY`;
    await tx`DELETE FROM events.stream_lease`;
    await redis.call("DEL", stream);
  });
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(3) }));
  await until("all is published again", async () => await unpublished() === 0);
  assertEquals(Number(await redis.call("XLEN", stream)), 3);
});
