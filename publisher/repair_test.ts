import { silentLogger as logger } from "@events-pipeline/common/logger";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals, assertRejects } from "@std/assert";
import { acceptForeign } from "./accept_foreign.ts";
import { appendEntries } from "./append_script.ts";
import { createCheckpoint } from "./publisher_checkpoint.ts";
import { ForeignEntryError } from "./repair.ts";
import { readEntriesAfter } from "./stream_range.ts";

const widgets = (count: number) =>
  Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));

const accept = ({ sql, redis, stream }: TestPipeline): Promise<void> =>
  acceptForeign({ sql, redis, stream, logger, signal: AbortSignal.timeout(30_000) });

Deno.test("a refill stops at a stream that something wrote to after it had lost entries", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  const late = connectPostgres(pipeline.databaseUrl, { applicationName: "test", connections: 1 });
  await late.begin(async (tx) => {
    await sendEvents(tx, { stream, events: widgets(1) });
    await sql.begin((other) => sendEvents(other, { stream, events: widgets(2) }));
    // What a publisher has in hand that is paused now: it does not see the first row.
    await sql`CREATE TABLE in_hand AS SELECT event_id, row_number() OVER (ORDER BY id) AS position FROM events.outbox_event`;
  });
  await closePostgres(late);
  await pipeline.publish();
  await redis.call("DEL", stream);
  // It wakes, and finds the stream as it expected it.
  const inHand = await sql<{ event_id: string; position: string }[]>`SELECT * FROM in_hand ORDER BY position`;
  const entries = inHand.map(({ event_id, position }) => ({
    ...{ entryId: `1000-${position}`, eventId: event_id, stream, eventType: "WidgetCreated" },
    ...{ time: "2026-01-01T00:00:00.000Z", metadata: "{}", payload: "{}" },
  }));
  assertEquals(await appendEntries(redis, stream, "0-0", entries), { kind: "appended" });
  const error = await assertRejects(() => pipeline.publish(), Error, "after 5 tries");
  assertEquals(error.cause instanceof ForeignEntryError, true);
  await redis.call("DEL", stream);
  await pipeline.publish();
  const sent = await sql<{ event_id: string }[]>`SELECT event_id FROM events.outbox_event ORDER BY id`;
  assertEquals(
    (await readEntriesAfter(redis, stream, "0-0", 100)).map(({ eventId }) => eventId),
    sent.map((row) => row.event_id),
  );
});

/** As a backup is restored that was taken when there were five events. */
async function restoreAtFive({ sql }: TestPipeline, act: () => Promise<void>): Promise<void> {
  const [before] = await sql<{ checkpoint: string }[]>`SELECT checkpoint FROM events.stream_lease`;
  await act();
  await sql`DELETE FROM events.outbox_event WHERE id > 5`;
  await sql`UPDATE events.stream_lease SET checkpoint = ${before!.checkpoint}`;
}

Deno.test("acceptForeign() takes the end of a stream whose entries are all trimmed", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  const publish = async (count: number): Promise<void> => {
    await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(count) }));
    await pipeline.publish();
  };
  await publish(5);
  await restoreAtFive(pipeline, async () => {
    await publish(3);
    await redis.call("XTRIM", stream, "MAXLEN", 0);
  });
  await accept(pipeline);
  await publish(1);
  const [entry] = await readEntriesAfter(redis, stream, "0-0", 10);
  assertEquals(entry!.entryId.split("-")[1], "9");
});

Deno.test("acceptForeign() takes no entry whose position would be given out again", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) }));
  await pipeline.publish();
  const fields = { event_id: crypto.randomUUID(), event_type: "X", time: "2026-01-01T00:00:00.000Z", metadata: "{}" };
  await redis.call("XADD", stream, "*", ...Object.entries(fields).flat(), "payload", "{}");
  await assertRejects(() => accept(pipeline), ForeignEntryError, "its position is 0 and must come after 5");
});

Deno.test("acceptForeign() says so when there is no such stream, and takes none up", async () => {
  await using pipeline = await testPipeline();
  await assertRejects(() => accept(pipeline), Error, "neither the outbox nor Redis has such a stream");
  assertEquals((await pipeline.sql`SELECT FROM events.stream_lease`).length, 0);
});

Deno.test("createCheckpoint() lets nobody hold up a new stream who is paused", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql.begin(async (tx) => {
    assertEquals(await createCheckpoint(tx, stream, { idleMs: 1_234, answerMs: 10_000 }), true);
    const [row] = await tx`SELECT current_setting('idle_in_transaction_session_timeout') AS idle`;
    assertEquals(row!["idle"], "1234ms");
  });
});
