import { compareEntryIds } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { readEntriesAfter } from "./stream_range.ts";

function widgets(from: number, count: number) {
  return Array.from(
    { length: count },
    (_, i) => WidgetCreated.create({ widget_id: `w${from + i}`, owner_id: "o" }),
  );
}

Deno.test("runPublisher() brings every committed event into its stream once, in insert order", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  const ids = await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(0, 2_500) }));
  await assertRejects(() =>
    sql.begin(async (tx) => {
      await sendEvents(tx, { stream, events: widgets(2_500, 10) });
      throw new Error("rolled back");
    })
  );
  await pipeline.publish();
  const entries = await readEntriesAfter(redis, stream, "0-0", 5_000);
  assertEquals(entries.map((entry) => entry.eventId), ids);
  assertEquals(entries.map((entry) => entry.entryId.split("-")[1]), ids.map((_, i) => String(i + 1)));
  assert(entries.every((entry, i) => i === 0 || compareEntryIds(entries[i - 1]!.entryId, entry.entryId) < 0));
});

Deno.test("runPublisher() refills a stream that Redis lost, under the same entry ids", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(0, 1_500) }));
  await pipeline.publish();
  const before = await readEntriesAfter(redis, stream, "0-0", 5_000);
  await redis.call("DEL", stream);
  await pipeline.publish();
  assertEquals(await readEntriesAfter(redis, stream, "0-0", 5_000), before);
});

Deno.test("runPublisher() adopts a batch whose commit was lost, and appends nothing twice", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(0, 10) }));
  await pipeline.publish();
  const before = await readEntriesAfter(redis, stream, "0-0", 100);
  // What a crash between append and commit leaves: the entries are there, the rows and the checkpoint are not moved.
  await sql`UPDATE events.outbox_event SET published_at = NULL, stream_entry_id = NULL WHERE stream_position > 4`;
  await sql`UPDATE events.stream_lease SET checkpoint = ${before[3]!.entryId} WHERE stream_name = ${stream}`;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(10, 3) }));
  await pipeline.publish();
  const after = await readEntriesAfter(redis, stream, "0-0", 100);
  assertEquals(after.slice(0, 10), before);
  assertEquals(after.length, 13);
  const [row] = await sql`SELECT count(*)::int AS waiting FROM events.outbox_event WHERE published_at IS NULL`;
  assertEquals(row!["waiting"], 0);
});

Deno.test("runPublisher() stops a stream that something else writes to", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await redis.call("XADD", stream, "1-1", "some", "field");
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(0, 1) }));
  await assertRejects(() => pipeline.publish(), Error, "Cannot publish to");
  const [row] = await sql`SELECT count(*)::int AS waiting FROM events.outbox_event WHERE published_at IS NULL`;
  assertEquals(row!["waiting"], 1);
});
