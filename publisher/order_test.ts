import { assertRight, checkPipeline } from "@events-pipeline/checker";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvent } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { livePublisher } from "./testdata/live_publisher.ts";

Deno.test("runPublisher() keeps the commit order of each row's events, with concurrent writers and commits out of turn", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  await sql`CREATE TABLE widget (id int PRIMARY KEY, version int NOT NULL)`;
  await sql`INSERT INTO widget SELECT i, 0 FROM generate_series(1, 3) AS i`;
  await using _one = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
  await using _two = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
  const sent: string[] = [];
  await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
    for (let i = 0; i < 40; i++) {
      const ids = await sql.begin(async (tx) => {
        const [widget] = await tx<{ id: number; version: number }[]>`
          UPDATE widget SET version = version + 1 WHERE id = ${1 + (writer + i) % 3} RETURNING id, version`;
        const event = WidgetCreated.create({ widget_id: `${widget!.id}`, owner_id: `${widget!.version}` });
        const id = await sendEvent(tx, { stream, event });
        // Some commit long after they inserted: others, on other rows, overtake them.
        if (i % 4 === writer % 4) await tx`SELECT pg_sleep(random() * 0.03)`;
        return [id];
      });
      sent.push(...ids);
    }
  }));
  await until(
    "everything is published",
    async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
  );
  // Every event raises its row's version by one, so versions that rise and are all there are 1, 2, 3 …
  const versions = [{ eventType: "WidgetCreated", field: "owner_id", keyField: "widget_id" }];
  const truth = new Map([[stream, sent]]);
  const options = { sql, redis, streams: [stream], sent: truth, sentInOrder: false, versions };
  const report = await checkPipeline({ ...options, complete: true });
  assertRight(report);
  assertEquals(report.streams[0]!.stages.map(({ events }) => events), [320, 320, 320]);
});
