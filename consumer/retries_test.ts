import { parseEntryId } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { pauseConsumer, readConsumers, redriveDeadLetters, resetConsumer, resumeConsumer } from "./control/mod.ts";
import { type Consumer, defineConsumer } from "./define_consumer.ts";
import { DeadLetter, RetryLater } from "./outcomes.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

const HOUR = 3_600_000;

async function send({ sql, stream, publish }: TestPipeline, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await publish();
}

const keyOf = ({ stream }: TestPipeline) => ({ consumer: "test:retrying", stream });

/** A consumer that notes its calls, and does what a test wants. */
function noting(pipeline: TestPipeline, calls: string[], onWidget: (widget: string) => Promise<void> | void): Consumer {
  return defineConsumer({
    ...{ stream: pipeline.stream, name: "test:retrying", events: [WidgetCreated], retryMs: HOUR },
    async handle(event) {
      calls.push(event.payload.widget_id);
      await onWidget(event.payload.widget_id);
    },
  });
}

const statusOf = async ({ sql }: TestPipeline) => (await readConsumers(sql))[0];

Deno.test("a consumer that waits for its retry handles dead letters again, is paused, resumed and reset meanwhile", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await send(pipeline, 3);
  const calls: string[] = [];
  let broken = true;
  const consumer = noting(pipeline, calls, (widget) => {
    if (widget === "w0" && broken) throw new DeadLetter("not now");
    if (widget === "w1" && broken) throw new Error("not now either");
  });
  await using live = liveConsumers(pipeline, [consumer]);
  await until("it waits", async () => (await statusOf(pipeline))?.failing !== undefined);
  broken = false;
  await redriveDeadLetters(sql, {});
  await until("the dead letter is handled", async () => (await sql`SELECT FROM events.dead_letter`).length === 0);
  await pauseConsumer(sql, keyOf(pipeline));
  await resumeConsumer(sql, keyOf(pipeline));
  assertEquals((await statusOf(pipeline))!.failing!.attempts, 1);
  await resetConsumer(sql, keyOf(pipeline), "0-0");
  await until("it has begun anew", () => calls.filter((widget) => widget === "w2").length === 1);
  assertEquals(calls.slice(-3), ["w0", "w1", "w2"]);
  await until(
    "it is well",
    async () => live.health.faults().size === 0 && (await statusOf(pipeline))!.state === "running",
  );
});

Deno.test("RetryLater can wait for longer than a timer can be set, and no longer than ten years", async () => {
  await using pipeline = await testPipeline();
  await send(pipeline, 1);
  const calls: string[] = [];
  const consumer = noting(pipeline, calls, () => {
    throw new RetryLater(60 * 24 * HOUR);
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("it waits", async () => (await statusOf(pipeline))?.failing !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 300)); // A timer that is set for too long fires at once.
  assertEquals(calls, ["w0"]);
  const { retryAt } = (await statusOf(pipeline))!.failing!;
  assert(retryAt.getTime() > Date.now() + 59 * 24 * HOUR);
  for (const ms of [-1, NaN, Infinity, 11 * 365 * 24 * HOUR]) assertThrows(() => new RetryLater(ms), RangeError);
});

Deno.test("a slow handler's consumer is paused, and stopped, between two events of a transaction", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await send(pipeline, 1_000);
  const calls: string[] = [];
  const slow = noting(pipeline, calls, () => new Promise((resolve) => setTimeout(resolve, 50)));
  let stopMs: number;
  {
    await using _live = liveConsumers(pipeline, [slow]);
    await until("it works", () => calls.length > 0);
    await pauseConsumer(sql, keyOf(pipeline));
    const count = async (): Promise<number> => parseEntryId((await statusOf(pipeline))!.checkpoint).position;
    await until("it has committed what it has in hand", async () => await count() > 0);
    await until("it stands still", async () => {
      const before = calls.length;
      await new Promise((resolve) => setTimeout(resolve, 500));
      return calls.length === before;
    });
    // 200 events, a whole batch, would take 10 seconds.
    assert(calls.length < 100, `${calls.length} events`);
    assertEquals(await count(), calls.length);
    await resumeConsumer(sql, keyOf(pipeline));
    const before = calls.length;
    await until("it goes on", () => calls.length > before);
    stopMs = performance.now();
  }
  stopMs = performance.now() - stopMs;
  assert(stopMs < 5_000, `${stopMs} ms`);
  assertEquals(parseEntryId((await statusOf(pipeline))!.checkpoint).position, calls.length);
});

Deno.test("a failure that was overcome by a worker which died at once is forgotten by the next one; one that was not is told", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await send(pipeline, 3);
  const calls: string[] = [];
  {
    await using _live = liveConsumers(pipeline, [noting(pipeline, calls, () => {})]);
    await until("all are done", async () => (await statusOf(pipeline))?.checkpoint.endsWith("-3") ?? false);
  }
  const note = async (entryId: string): Promise<void> => {
    await sql`
      INSERT INTO events.consumer_state
        (consumer_name, stream_name, failing_event_id, failing_entry_id, attempts, last_error, failing_since, retry_at)
      VALUES ('test:retrying', ${pipeline.stream}, gen_random_uuid(), ${entryId}, 7, 'out of paper', clock_timestamp(),
              clock_timestamp() + interval '1 hour')
      ON CONFLICT (consumer_name, stream_name) DO UPDATE
      SET failing_event_id = excluded.failing_event_id, failing_entry_id = excluded.failing_entry_id, attempts = 7,
          last_error = excluded.last_error, retry_at = excluded.retry_at`;
  };
  await note((await statusOf(pipeline))!.checkpoint);
  {
    await using _live = liveConsumers(pipeline, [noting(pipeline, calls, () => {})]);
    await until("it is forgotten", async () => (await statusOf(pipeline))!.failing === undefined);
  }
  await note("9999999999999-4");
  await using live = liveConsumers(pipeline, [noting(pipeline, calls, () => {})]);
  await until("health tells of it", () => live.health.faults().has("consumer:test:retrying"));
  assertMatch(live.health.faults().get("consumer:test:retrying")!, /attempt 7\): out of paper/);
});
