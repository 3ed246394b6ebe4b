import { explainedPool, type ExplainedStatement } from "@events-pipeline/local/explained";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { assert, assertEquals } from "@std/assert";
import { cleanBatch } from "./clean_up.ts";
import {
  markEventsPublished,
  markPublished,
  readBackloggedStreams,
  readPublished,
  readUnpublished,
} from "./outbox_rows.ts";

const LIMITS = { rows: 100, bytes: 1_000_000 };
const OTHER = "stream:other:events";

/** Inserts unpublished rows. */
async function insert({ sql }: TestPipeline, stream: string, rows: number): Promise<void> {
  await sql`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
    SELECT gen_random_uuid(), ${stream}, 'WidgetCreated', json_build_object('n', g)
    FROM generate_series(1, ${rows}::int) AS g`;
}

/** Marks all that is unpublished as published 8 days ago. Their old versions stay in table and indexes: nothing vacuums. */
async function publishAll({ sql }: TestPipeline): Promise<void> {
  await sql`
    UPDATE events.outbox_event AS o SET published_at = now() - interval '8 days', stream_entry_id = '1-' || n.position
    FROM (SELECT ctid, row_number() OVER (PARTITION BY stream_name ORDER BY id) AS position
          FROM events.outbox_event WHERE published_at IS NULL) AS n
    WHERE o.ctid = n.ctid`;
}

/** A statement reads the outbox only by its indexes, and touches few pages. */
function assertCheap(statement: ExplainedStatement, pages: number): void {
  const scans = statement.steps.filter((step) => /Seq Scan outbox_event|Bitmap|Scan on /.test(step));
  assertEquals(scans, [], `${statement.text}: ${statement.steps}`);
  assert(statement.pages <= pages, `${statement.pages} pages: ${statement.text}: ${statement.steps}`);
}

Deno.test("each statement of the publisher costs its own size, whatever the backlog, its dead rows and statistics", async (t) => {
  await using pipeline = await testPipeline();
  const { stream } = pipeline;
  await pipeline.sql`ALTER TABLE events.outbox_event SET (autovacuum_enabled = off)`;
  await using explained = await explainedPool(pipeline.databaseUrl);
  const { sql, statements } = explained;
  let marked = 0;
  // The notice of a statement comes with the next one of its transaction, or its end.
  const costs = async (act: () => Promise<unknown>, pages: number): Promise<void> => {
    statements.length = 0;
    await act();
    const own = statements.filter((statement) => statement.text.includes("outbox_event"));
    assert(own.length > 0);
    for (const statement of own) assertCheap(statement, pages);
  };
  const round = async (): Promise<void> => {
    const [{ floor }] = await pipeline.sql`
      SELECT (min(id) - 1)::text AS floor FROM events.outbox_event
      WHERE stream_name = ${stream} AND published_at IS NULL` as unknown as [{ floor: string }];
    await costs(() => readBackloggedStreams(sql, [OTHER, stream].map((name) => ({ stream: name, floor }))), 30);
    await costs(() => sql.begin((tx) => readUnpublished(tx, stream, floor, LIMITS)), 250);
    await costs(() =>
      sql.begin(async (tx) => {
        const { rows } = await readUnpublished(tx, stream, floor, LIMITS);
        assertEquals(rows.length, LIMITS.rows);
        const first = ++marked * LIMITS.rows + 100_000;
        await markPublished(tx, rows, rows.map((_, i) => `1-${first + i}`));
      }), 2_000);
  };
  await t.step("an empty table, for which the plans are made", async () => {
    for (let i = 0; i < 10; i++) {
      await readBackloggedStreams(sql, [OTHER, stream].map((name) => ({ stream: name, floor: "0" })));
      await sql.begin((tx) => readUnpublished(tx, stream, "0", LIMITS));
      await sql.begin((tx) => readPublished(tx, stream, { after: 0, upTo: 100 }, LIMITS));
      await sql.begin((tx) => markEventsPublished(tx, stream, []));
      await sql.begin((tx) => markPublished(tx, [], []));
      await cleanBatch(sql, stream, { keepMs: 1_000, rows: 500 });
    }
  });
  // Two streams, each with a backlog of 20,000 rows, and as many dead ones before it.
  for (const name of [stream, OTHER]) await insert(pipeline, name, 20_000);
  await t.step("a backlog that nobody has analyzed", round);
  await pipeline.sql`ANALYZE events.outbox_event`;
  await t.step("a large backlog", round);
  await publishAll(pipeline);
  for (const name of [stream, OTHER]) await insert(pipeline, name, 20_000);
  await t.step("a large backlog behind dead rows, with statistics from before", round);
  await pipeline.sql`ANALYZE events.outbox_event`;
  await t.step("a large backlog behind dead rows", round);
  await t.step("adopting", () =>
    costs(() =>
      sql.begin(async (tx) => {
        const { rows } = await readUnpublished(tx, stream, "40000", LIMITS);
        const entries = rows.map((row, i) => ({ eventId: row.envelope.eventId, entryId: `1-${50_000 + i}` }));
        assertEquals(await markEventsPublished(tx, stream, entries), LIMITS.rows);
      }), 2_000));
  await t.step("a refill", async () => {
    await costs(() => sql.begin((tx) => readPublished(tx, stream, { after: 10_000, upTo: 20_000 }, LIMITS)), 250);
  });
  await t.step("a look at 200 streams", async () => {
    const known = Array.from({ length: 200 }, (_, i) => ({ stream: `stream:quiet-${i}:events`, floor: "0" }));
    await costs(() => readBackloggedStreams(sql, [...known, { stream, floor: "40000" }]), 3_000);
  });
  await t.step("clean-up", async () => {
    for (let batch = 0; batch < 20; batch++) {
      await costs(async () => assertEquals(await cleanBatch(sql, stream, { keepMs: 1_000, rows: 500 }), 500), 3_000);
    }
  });
});
