import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type LogFields, silentLogger } from "@events-pipeline/common/logger";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { prometheusMetrics } from "@events-pipeline/common/prometheus";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type ConsumerSpec, defineConsumer, type ExactlyOnceSpec } from "./define_consumer.ts";
import { DeadLetter, RetryLater } from "./outcomes.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

type Widgets = readonly [typeof WidgetCreated];

/** Publishes widgets w0, w1, … and makes the table of their effects. */
async function withWidgets(pipeline: TestPipeline, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await pipeline.sql`CREATE TABLE IF NOT EXISTS effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text)`;
  await pipeline.sql.begin((tx) => sendEvents(tx, { stream: pipeline.stream, events }));
  await pipeline.publish();
}

async function effects({ sql }: TestPipeline): Promise<string[]> {
  const rows = await sql<{ widget_id: string }[]>`SELECT widget_id FROM effect ORDER BY id`;
  return rows.map((row) => row.widget_id);
}

const all = (count: number, without: readonly string[] = []): string[] =>
  Array.from({ length: count }, (_, i) => `w${i}`).filter((widget) => !without.includes(widget));

/** A consumer that writes its effect and then does what a test wants. */
function writing(
  pipeline: TestPipeline,
  onWidget: (widget: string, attempt: number, signal: AbortSignal) => Promise<void> | void,
  more: Partial<ExactlyOnceSpec<Widgets>> = {},
) {
  return defineConsumer<Widgets>({
    stream: pipeline.stream,
    name: "test:failing",
    events: [WidgetCreated],
    retryMs: 20,
    async handle(event, context, tx) {
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
      await onWidget(event.payload.widget_id, context.attempt, context.signal);
    },
    ...more,
  } as ConsumerSpec<Widgets>);
}

const state = async ({ sql }: TestPipeline) => (await sql`SELECT * FROM events.consumer_state`)[0];

Deno.test("a failing event comes again, is visible meanwhile, keeps its count over a restart, and holds back what is behind it", async () => {
  await using pipeline = await testPipeline();
  await withWidgets(pipeline, 30);
  const attempts: number[] = [];
  let broken = true;
  const consumer = writing(pipeline, (widget, attempt) => {
    if (widget !== "w7") return;
    attempts.push(attempt);
    if (broken) throw new Error("the printer is out of paper");
  });
  {
    await using live = liveConsumers(pipeline, [consumer]);
    await until("it has failed 3 times", async () => (await state(pipeline))?.["attempts"] >= 3);
    assertEquals(await effects(pipeline), all(7));
    assertStringIncludes([...live.health.faults().values()].join(), "the printer is out of paper");
    assertStringIncludes((await state(pipeline))!["last_error"], "the printer is out of paper");
  }
  const before = attempts.at(-1)!;
  broken = false;
  await using live = liveConsumers(pipeline, [consumer]);
  await until("it has them all", async () => (await effects(pipeline)).length === 30);
  assertEquals(await effects(pipeline), all(30));
  assertEquals(attempts.at(-1), before + 1);
  await until("health is well", () => live.health.faults().size === 0);
  await until("the failure is forgotten", async () => (await state(pipeline))!["attempts"] === 0);
});

Deno.test("an event is set aside after so many attempts, or when its handler says so, with its envelope, and nothing else is", async () => {
  await using pipeline = await testPipeline();
  await withWidgets(pipeline, 250);
  const consumer = writing(pipeline, (widget) => {
    if (widget === "w3") throw new Error("never");
    if (widget === "w130") throw new DeadLetter("It has no owner");
  }, { deadLetterAfter: 3 });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("it has the others", async () => (await effects(pipeline)).length === 248);
  assertEquals(await effects(pipeline), all(250, ["w3", "w130"]));
  const letters = await pipeline.sql`
    SELECT payload ->> 'widget_id' AS widget, attempts, reason, stream_name = ${pipeline.stream} AS stream
    FROM events.dead_letter ORDER BY stream_position`;
  assertEquals([...letters], [
    { widget: "w3", attempts: 3, reason: "It failed 3 times: never", stream: true },
    { widget: "w130", attempts: 1, reason: "It has no owner", stream: true },
  ]);
});

Deno.test("dead letters that are to be handled again are, in stream order, and go back when they fail", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await withWidgets(pipeline, 10);
  let broken = ["w2", "w5", "w8"];
  const consumer = writing(pipeline, (widget) => {
    if (broken.includes(widget)) throw new DeadLetter("not now");
  });
  const metrics = prometheusMetrics();
  const open = async (): Promise<number> =>
    Number(
      /^events_consumer_dead_letters\{consumer="test:failing",stream=".*"\} (\d+)$/m.exec(await metrics.render())?.[1],
    );
  await using _live = liveConsumers(pipeline, [consumer], { metrics });
  await until("three are set aside", async () => (await sql`SELECT FROM events.dead_letter`).length === 3);
  await until("the metric tells of three", async () => await open() === 3);
  broken = ["w5"];
  await sql`UPDATE events.dead_letter SET redrive_requested_at = clock_timestamp()`;
  await until("one is left", async () => {
    const letters = await sql`SELECT redrive_requested_at AS again FROM events.dead_letter`;
    return letters.length === 1 && letters[0]!["again"] === null;
  });
  assertEquals(await effects(pipeline), [...all(10, ["w2", "w5", "w8"]), "w2", "w8"]);
  await until("the metric tells of one", async () => await open() === 1);
});

Deno.test("a payload that does not fit its schema follows the same policy, in words", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await withWidgets(pipeline, 2);
  await sql`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
    VALUES (gen_random_uuid(), ${stream}, 'WidgetCreated', '{"widget_id": 7}')`;
  await withWidgets(pipeline, 2);
  await using _live = liveConsumers(pipeline, [writing(pipeline, () => {}, { deadLetterAfter: 1 })]);
  await until("it has the others", async () => (await effects(pipeline)).length === 4);
  const [letter] = await sql`SELECT error FROM events.dead_letter`;
  assertStringIncludes(letter!["error"], "payload.widget_id: Invalid input: expected string, received number");
});

Deno.test("RetryLater says when an event comes again", async () => {
  await using pipeline = await testPipeline();
  await withWidgets(pipeline, 2);
  const times: number[] = [];
  const consumer = writing(pipeline, (widget) => {
    if (widget !== "w0") return;
    times.push(performance.now());
    if (times.length === 2) throw new RetryLater(300, "the quota is used up"); // The first time it is in a batch.
    if (times.length < 3) throw new Error("no");
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("it has both", async () => (await effects(pipeline)).length === 2);
  assert(times.length >= 3 && times[2]! - times[1]! >= 300, String(times));
});

Deno.test("a handler that takes too long is given up, its effect rolled back, and what it does later has no effect", async () => {
  await using pipeline = await testPipeline();
  await withWidgets(pipeline, 3);
  let slow = true;
  const late = Promise.withResolvers<unknown>();
  const consumer = defineConsumer({
    stream: pipeline.stream,
    name: "test:slow",
    events: [WidgetCreated],
    timeoutMs: 150,
    retryMs: 20,
    async handle(event, context, tx) {
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
      if (!slow || event.payload.widget_id !== "w1") return;
      slow = false;
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      await new Promise((resolve) => setTimeout(resolve, 50));
      try {
        await tx`INSERT INTO effect (widget_id) VALUES ('late')`;
        late.resolve("it was written");
      } catch (error) {
        late.resolve(error instanceof Error ? error.name : error);
      }
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  assertEquals(await late.promise, "TransactionOverError");
  await until("it has them all", async () => (await effects(pipeline)).length === 3);
  assertEquals(await effects(pipeline), all(3));
});

Deno.test("a handler that is silent in its transaction for longer than the lease has failed, and says so", async () => {
  await using pipeline = await testPipeline();
  await withWidgets(pipeline, 5);
  const consumer = writing(
    pipeline,
    (widget) => widget === "w2" ? new Promise(() => {}) : undefined,
    { deadLetterAfter: 2 },
  );
  await using _live = liveConsumers(pipeline, [consumer], { leaseMs: 300 });
  await until("it has the others", async () => (await effects(pipeline)).length === 4);
  const [letter] = await pipeline
    .sql`SELECT payload ->> 'widget_id' AS widget, attempts, error FROM events.dead_letter`;
  assertEquals([letter!["widget"], letter!["attempts"]], ["w2", 2]);
  assertStringIncludes(letter!["error"], "The handler was silent in its transaction for longer than 300 ms");
});

Deno.test("a consumer whose connection is cut now and then waits no longer each time", async () => {
  await using pipeline = await testPipeline();
  await withWidgets(pipeline, 8);
  const waits: number[] = [];
  const error = (message: string, fields?: LogFields) =>
    void (message === "Cannot consume" && waits.push(Number(fields!["retryInMs"])));
  const cut = new Set<string>();
  const consumer = defineConsumer({
    ...{ stream: pipeline.stream, name: "test:cut", events: [WidgetCreated], maxBatch: 1 },
    async handle({ payload: { widget_id } }, _context, tx) {
      if (!cut.has(widget_id)) {
        const [session] = await tx<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
        cut.add(widget_id);
        await pipeline.sql`SELECT pg_terminate_backend(${session!.pid})`;
      }
      await tx`INSERT INTO effect (widget_id) VALUES (${widget_id})`;
    },
  });
  const sql = connectPostgres(pipeline.databaseUrl, { applicationName: "test" });
  try {
    await using _live = liveConsumers(pipeline, [consumer], { sql, logger: { ...silentLogger, error } });
    await until("it has them all", async () => (await effects(pipeline)).length === 8);
  } finally {
    await closePostgres(sql);
  }
  assertEquals(await effects(pipeline), all(8));
  // Each cut waits as the first one did. Something else may fail besides: a cut session may be met by another statement, too.
  const short = waits.filter((ms) => ms <= 100);
  assert(short.length >= 8 && waits.length <= 10, `${waits} ms`);
});

Deno.test("an effect that violates a constraint is its handler's failure, also when the handler passes over it or COMMIT finds it", async () => {
  await using pipeline = await testPipeline();
  await withWidgets(pipeline, 30);
  await pipeline.sql`CREATE TABLE owned (widget_id text UNIQUE, late text UNIQUE DEFERRABLE INITIALLY DEFERRED)`;
  await pipeline.sql`INSERT INTO owned VALUES ('w7', 'w21')`;
  const consumer = defineConsumer({
    stream: pipeline.stream,
    name: "test:violating",
    events: [WidgetCreated],
    deadLetterAfter: 2,
    retryMs: 10,
    async handle(event, _context, tx) {
      const { widget_id } = event.payload;
      await tx`INSERT INTO effect (widget_id) VALUES (${widget_id})`;
      await tx`INSERT INTO owned VALUES (NULL, ${widget_id})`;
      await tx`INSERT INTO owned VALUES (${widget_id}, NULL)`.catch(() => {});
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("all others are handled", async () => (await effects(pipeline)).length === 28);
  assertEquals(await effects(pipeline), all(30, ["w7", "w21"]));
  const dead = await pipeline
    .sql`SELECT payload->>'widget_id' AS widget, error, attempts FROM events.dead_letter ORDER BY id`;
  assertEquals(dead.map((row) => [row["widget"], row["attempts"]]), [["w7", 2], ["w21", 2]]);
  assertStringIncludes(dead[0]!["error"], "owned_widget_id_key");
  assertStringIncludes(dead[1]!["error"], "owned_late_key");
});
