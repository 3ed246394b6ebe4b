import { assertEquals, assertRejects } from "@std/assert";
import { archivedPipeline } from "./testdata/archived_pipeline.ts";

Deno.test("runArchiver() archives each entry once, in order, over many segments and runs", async () => {
  await using pipeline = await archivedPipeline();
  await pipeline.send(250);
  await pipeline.archive();
  await pipeline.send(30);
  await Promise.all([pipeline.archive(), pipeline.archive()]);
  await pipeline.assertArchived();
  assertEquals((await pipeline.keys()).length, 4);
});

Deno.test("runArchiver() stops at a gap and archives nothing behind it", async () => {
  await using pipeline = await archivedPipeline();
  const { sql, redis, stream } = pipeline;
  await pipeline.send(5);
  await redis.call("XTRIM", stream, "MAXLEN", 3);
  await sql`DELETE FROM events.outbox_event WHERE stream_position = 1`;
  await assertRejects(() => pipeline.archive(), AggregateError);
  assertEquals(await pipeline.keys(), []);
});
