import { formatEntryId } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Consumer, defineConsumer } from "../define_consumer.ts";
import { OutboxHistory } from "../history.ts";
import { liveConsumers } from "../testdata/live_consumers.ts";
import {
  checkpointFor,
  ConsumerAtWorkError,
  dropDeadLetters,
  findConsumers,
  forgetConsumer,
  listDeadLetters,
  pauseConsumer,
  readConsumers,
  readLags,
  redriveDeadLetters,
  resetConsumer,
  resumeConsumer,
  UnknownConsumerError,
} from "./mod.ts";

async function send({ sql, stream, publish }: TestPipeline, from: number, count: number): Promise<void> {
  const events = Array.from(
    { length: count },
    (_, i) => WidgetCreated.create({ widget_id: `w${from + i}`, owner_id: "o" }),
  );
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await publish();
}

/** A consumer that notes each widget, and what a test wants besides. */
function noting(pipeline: TestPipeline, onWidget: (widget: string) => Promise<void> | void = () => {}): Consumer {
  return defineConsumer({
    stream: pipeline.stream,
    name: "test:noting",
    events: [WidgetCreated],
    maxBatch: 10,
    retryMs: 20,
    deadLetterAfter: 1,
    async handle(event, _context, tx) {
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
      await onWidget(event.payload.widget_id);
    },
  });
}

const createEffects = ({ sql }: TestPipeline) =>
  sql`CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text)`;

async function effects({ sql }: TestPipeline): Promise<string[]> {
  const rows = await sql<{ widget_id: string }[]>`SELECT widget_id FROM effect ORDER BY id`;
  return rows.map((row) => row.widget_id);
}

const widgets = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `w${from + i}`);

const keyOf = ({ stream }: TestPipeline) => ({ consumer: "test:noting", stream });

Deno.test("a paused consumer takes no more, tells so, stays paused over a restart, and goes on where it was", async () => {
  await using pipeline = await testPipeline();
  await createEffects(pipeline);
  await send(pipeline, 0, 5);
  const { sql, redis } = pipeline;
  {
    await using _live = liveConsumers(pipeline, [noting(pipeline)]);
    await until("it has begun", async () => (await effects(pipeline)).length === 5);
    assert(await pauseConsumer(sql, keyOf(pipeline)));
    assert(!await pauseConsumer(sql, keyOf(pipeline)));
    // Both workers look twice a second: the one that has looked since the pause knows of it.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await send(pipeline, 5, 5);
    const [status] = await readConsumers(sql);
    assertEquals([status!.state, status!.deadLetters], ["paused", 0]);
    assertEquals([...(await readLags(redis, [status!])).values()], [5]);
  }
  await using _live = liveConsumers(pipeline, [noting(pipeline)]);
  await until("it has the lease", async () => (await readConsumers(sql))[0]!.owner !== undefined);
  assert(await resumeConsumer(sql, keyOf(pipeline)));
  await until("it goes on", async () => (await effects(pipeline)).length === 10);
  assertEquals(await effects(pipeline), widgets(0, 10));
  assertEquals((await readConsumers(sql))[0]!.state, "running");
});

Deno.test("a running worker that is reset amid its work handles every event behind that again, once, in order", async () => {
  await using pipeline = await testPipeline();
  await createEffects(pipeline);
  await send(pipeline, 0, 300);
  const { sql, stream, redis } = pipeline;
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const consumer = noting(pipeline, async (widget) => {
    if (widget !== "w255") return;
    reached.resolve();
    await goOn.promise;
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await reached.promise;
  const ids = (await redis.call("XRANGE", stream, "-", "+") as [string][]).map(([id]) => id);
  const result = await resetConsumer(sql, keyOf(pipeline), ids[99]!);
  assertEquals(result, { from: ids[249]!, to: ids[99]!, handled: 150, deadLetters: 0 });
  goOn.resolve();
  await until("all is handled again", async () => (await effects(pipeline)).length >= 450);
  assertEquals(await effects(pipeline), [...widgets(0, 250), ...widgets(100, 300)]);
  assertEquals((await sql`SELECT FROM events.processed_event`).length, 300);
});

Deno.test("checkpointFor() finds the place in Redis or the outbox, and refuses an entry that neither has", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream, redis } = pipeline;
  await send(pipeline, 0, 3);
  await new Promise((resolve) => setTimeout(resolve, 5)); // Its entries have a later time.
  await send(pipeline, 3, 3);
  const ids = (await redis.call("XRANGE", stream, "-", "+") as [string][]).map(([id]) => id);
  const history = new OutboxHistory(sql);
  await redis.call("XTRIM", stream, "MAXLEN", 2);
  const at = (to: Parameters<typeof checkpointFor>[0]) => checkpointFor(to, stream, redis, history);
  assertEquals(await at("beginning"), "0-0");
  assertEquals(await at(ids[4] as `${number}-${number}`), ids[4]);
  assertEquals(await at(ids[1] as `${number}-${number}`), ids[1]);
  assertEquals(await at(new Date(Number(ids[3]!.split("-")[0]))), ids[2]);
  await assertRejects(() => at(formatEntryId({ ms: 1, position: 2 }) as `${number}-${number}`), RangeError, "neither");
});

Deno.test("forgetConsumer() refuses one that is at work or has dead letters, and leaves nothing of another one", async () => {
  await using pipeline = await testPipeline();
  await createEffects(pipeline);
  await send(pipeline, 0, 5);
  const { sql } = pipeline;
  {
    const refusing = noting(pipeline, (widget) => {
      if (widget === "w2") throw new Error("no such owner");
    });
    await using _live = liveConsumers(pipeline, [refusing]);
    await until("it is done", async () => (await effects(pipeline)).length === 4);
    await assertRejects(() => forgetConsumer(sql, keyOf(pipeline)), ConsumerAtWorkError, "a process runs it");
  }
  await assertRejects(() => forgetConsumer(sql, keyOf(pipeline)), Error, "it has 1 dead letters");
  assertEquals(await dropDeadLetters(sql, { consumer: "test:noting" }), 1);
  assertEquals((await forgetConsumer(sql, keyOf(pipeline))).handled, 5);
  assertEquals((await sql`SELECT FROM events.processed_event`).length, 0);
  await assertRejects(() => findConsumers(sql, "test:noting"), UnknownConsumerError, "no consumer has ever begun");
});

Deno.test("dead letters are found by consumer, event, type and time, page by page, and redriven in stream order", async () => {
  await using pipeline = await testPipeline();
  await createEffects(pipeline);
  await send(pipeline, 0, 30);
  const { sql } = pipeline;
  let broken = true;
  const consumer = noting(pipeline, (widget) => {
    if (broken && Number(widget.slice(1)) % 3 === 0) throw new Error("no such owner");
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("all are set aside", async () => (await listDeadLetters(sql, {}, { limit: 99 })).length === 10);
  const first = await listDeadLetters(sql, { consumer: "test:noting", eventType: "WidgetCreated" }, { limit: 4 });
  assertEquals(first.map(({ payload }) => JSON.parse(payload).widget_id), ["w0", "w3", "w6", "w9"]);
  const second = await listDeadLetters(sql, {}, { limit: 99, after: first.at(-1)!.id });
  assertEquals(second.length, 6);
  assertEquals((await listDeadLetters(sql, { eventId: first[1]!.eventId }, { limit: 9 }))[0]!.error, "no such owner");
  assertEquals((await listDeadLetters(sql, { until: first[2]!.createdAt }, { limit: 9 })).length, 2);
  assertEquals((await listDeadLetters(sql, { since: first[2]!.createdAt }, { limit: 9 })).length, 8);
  for (const other of [{ consumer: "test:other" }, { eventType: "Other" }, { eventId: crypto.randomUUID() }]) {
    assertEquals(await dropDeadLetters(sql, other), 0);
  }
  broken = false;
  assertEquals(await redriveDeadLetters(sql, { since: first[1]!.createdAt }), 9);
  await until("they are handled", async () => (await effects(pipeline)).length === 29);
  assertEquals((await effects(pipeline)).slice(20), [3, 6, 9, 12, 15, 18, 21, 24, 27].map((n) => `w${n}`));
  assertEquals((await listDeadLetters(sql, {}, { limit: 9 })).length, 1);
});
