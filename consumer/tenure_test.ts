import { WidgetCreated } from "@events-pipeline/common/schemas";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { pauseConsumer } from "./control/pause.ts";
import { type Consumer, defineConsumer } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

async function send({ sql, stream, publish }: TestPipeline, from: number, count: number): Promise<void> {
  const events = Array.from(
    { length: count },
    (_, i) => WidgetCreated.create({ widget_id: `w${from + i}`, owner_id: "o" }),
  );
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await publish();
}

const createEffects = ({ sql }: TestPipeline) =>
  sql`CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text)`;

async function effects({ sql }: TestPipeline): Promise<string[]> {
  const rows = await sql<{ widget_id: string }[]>`SELECT widget_id FROM effect ORDER BY id`;
  return rows.map((row) => row.widget_id);
}

function writing({ stream }: TestPipeline, onWidget: (widget: string) => Promise<void> | void = () => {}): Consumer {
  return defineConsumer({
    ...{ stream, name: "test:writing", events: [WidgetCreated] },
    async handle(event, _context, tx) {
      await onWidget(event.payload.widget_id);
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
    },
  });
}

const all = (count: number): string[] => Array.from({ length: count }, (_, i) => `w${i}`);

for (const finds of ["with the next event", "by itself"]) {
  Deno.test(`a worker whose database has lost its last commits finds it ${finds}, and gives those events their effect again`, async () => {
    await using pipeline = await testPipeline();
    const { sql } = pipeline;
    await createEffects(pipeline);
    await send(pipeline, 0, 10);
    const leaseMs = finds === "by itself" ? 600 : 60_000;
    await using _live = liveConsumers(pipeline, [writing(pipeline)], { leaseMs });
    await until("all are handled", async () => (await effects(pipeline)).length === 10);
    // As after a failover to a server that has not got the last transaction.
    await sql.begin(async (sql) => {
      const before = sql`SELECT stream_entry_id FROM events.outbox_event WHERE payload ->> 'widget_id' = 'w6'`;
      await sql`DELETE FROM effect WHERE widget_id IN ('w7', 'w8', 'w9')`;
      await sql`DELETE FROM events.processed_event WHERE stream_position > 7`;
      await sql`UPDATE events.stream_lease SET checkpoint = (${before}) WHERE role LIKE 'consumer:%'`;
    });
    if (finds === "with the next event") await send(pipeline, 10, 1);
    const count = finds === "with the next event" ? 11 : 10;
    await until("all have their effect", async () => (await effects(pipeline)).length >= count);
    assertEquals(await effects(pipeline), all(count));
  });
}

Deno.test("a handler that holds the only connection for longer than the lease keeps it, and works once, though another worker stands by", async () => {
  await using pipeline = await testPipeline();
  const { databaseUrl, sql } = pipeline;
  await createEffects(pipeline);
  await send(pipeline, 0, 2);
  const pools = [1, 1, 1, 1].map((connections) =>
    connectPostgres(databaseUrl, { applicationName: "test", connections })
  );
  const slow = defineConsumer({
    ...{ stream: pipeline.stream, name: "test:slow", events: [WidgetCreated], maxBatch: 1 },
    async handle(event, _context, tx) {
      await tx`SELECT pg_sleep(1.5)`;
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
    },
  });
  try {
    await using _first = liveConsumers(pipeline, [slow], { sql: pools[0]!, leaseSql: pools[1]!, leaseMs: 1_000 });
    await until(
      "it works",
      async () => (await sql`SELECT FROM events.stream_lease WHERE role LIKE 'consumer:%'`).length > 0,
    );
    await using _second = liveConsumers(pipeline, [slow], { sql: pools[2]!, leaseSql: pools[3]!, leaseMs: 1_000 });
    await until("all are handled", async () => (await effects(pipeline)).length === 2);
    const [lease] =
      await sql`SELECT fencing_token::int AS tenures FROM events.stream_lease WHERE role LIKE 'consumer:%'`;
    assertEquals([await effects(pipeline), lease!["tenures"]], [all(2), 1]);
  } finally {
    await Promise.all(pools.map(closePostgres));
  }
});

Deno.test("a consumer that was paused before it begins handles nothing", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await createEffects(pipeline);
  await send(pipeline, 0, 5);
  await pauseConsumer(sql, { consumer: "test:writing", stream });
  const leaseSql = connectPostgres(pipeline.databaseUrl, { applicationName: "test", connections: 1 });
  try {
    // The look at who is paused comes late.
    const holding = leaseSql`SELECT pg_sleep(0.5)`.execute();
    await using _live = liveConsumers(pipeline, [writing(pipeline)], { leaseSql });
    await holding;
    await until(
      "it has the lease",
      async () => (await sql`SELECT FROM events.stream_lease WHERE role LIKE 'consumer:%'`).length > 0,
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    assertEquals(await effects(pipeline), []);
  } finally {
    await closePostgres(leaseSql);
  }
});
