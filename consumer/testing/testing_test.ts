import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Consumer, defineConsumer } from "../define_consumer.ts";
import { DeadLetter, RetryLater } from "../outcomes.ts";
import { runHandler, startWorker } from "./mod.ts";

const widget = (id: string) => WidgetCreated.create({ widget_id: id, owner_id: "o" });

async function send({ sql, stream }: TestPipeline, ...ids: string[]): Promise<void> {
  await sql.begin((tx) => sendEvents(tx, { stream, events: ids.map(widget) }));
}

function noting({ stream }: TestPipeline, onWidget: (id: string, attempt: number) => void = () => {}): Consumer {
  return defineConsumer({
    ...{ stream, name: "test:noting", events: [WidgetCreated], retryMs: 20, deadLetterAfter: 9 },
    async handle(event, { attempt, metadata }, tx) {
      await tx`INSERT INTO effect VALUES (${event.payload.widget_id}, ${String(metadata["tenant"] ?? "")})`;
      onWidget(event.payload.widget_id, attempt);
    },
  });
}

Deno.test("runHandler() tells what a worker would have made of an event, and changes nothing", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await sql`CREATE TABLE effect (widget_id text, tenant text)`;
  const consumer = noting(pipeline, (id) => {
    if (id === "late") throw new RetryLater(70);
    if (id === "bad") throw new DeadLetter("It is bad");
    if (id === "broken") throw new Error("It broke");
  });
  const run = (id: string, attempt = 1) =>
    runHandler(consumer, widget(id), {
      ...{ sql, attempt, metadata: { tenant: "t1" } },
      inspect: async (tx) => [...await tx`SELECT * FROM effect`],
    });
  assertEquals(await run("w1"), { outcome: { kind: "handled" }, seen: [{ widget_id: "w1", tenant: "t1" }] });
  const late = (await run("late")).outcome;
  assertEquals(late.kind === "retry" && late.waitMs, 70);
  const bad = (await run("bad")).outcome;
  assertEquals(bad.kind === "dead letter" && bad.reason, "It is bad");
  const broken = await run("broken");
  assert(broken.outcome.kind === "retry" && broken.seen === undefined);
  assertEquals((broken.outcome.error as Error).message, "It broke");
  assertEquals((await run("broken", 9)).outcome.kind, "dead letter");
  assertEquals((await sql`SELECT FROM effect`).length, 0);
  await assertRejects(() => runHandler(consumer, widget("w1")), TypeError, "without a database");
  await assertRejects(
    () => runHandler(consumer, { type: "Other", payload: {} }, { sql }),
    TypeError,
    "it wants Widget",
  );
});

Deno.test("whenCaughtUp() waits for what is committed, and tells who fails, and what is not published", async () => {
  await using pipeline = await testPipeline();
  const { sql, databaseUrl, redisUrl } = pipeline;
  await sql`CREATE TABLE effect (widget_id text, tenant text)`;
  let broken = true;
  const consumer = noting(pipeline, (id, attempt) => {
    if (id === "shaky" && attempt < 3) throw new Error("It shakes");
    if (id === "broken" && broken) throw new Error("It broke");
  });
  await using worker = startWorker([consumer], { databaseUrl, redisUrl });
  await worker.whenCaughtUp(); // Nothing was sent.
  const handled = async (): Promise<number> => (await sql`SELECT FROM effect`).length;
  await send(pipeline, "w1", "shaky", "w2");
  await assertRejects(() => worker.whenCaughtUp({ timeoutMs: 200 }), Error, "3 events are not published");
  await pipeline.publish();
  await worker.whenCaughtUp({ attempts: 4 });
  assertEquals(await handled(), 3);
  await send(pipeline, "broken", "w3");
  await pipeline.publish();
  await assertRejects(() => worker.whenCaughtUp(), Error, "It broke");
  broken = false;
  await worker.whenCaughtUp({ attempts: 9 });
  assertEquals(await handled(), 5);
});
