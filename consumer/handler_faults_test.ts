import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { TransactionSql } from "postgres";
import { defineConsumer, type ExactlyOnceSpec } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

type Spec = ExactlyOnceSpec<readonly [typeof WidgetCreated]>;

/** What the consumer has written, and which dead letters it has, by the widget's name. */
interface Outcome {
  readonly effects: readonly string[];
  readonly dead: Readonly<Record<string, string>>;
}

/** Has a consumer write a row for each of 10 widgets, and do at w4 what a test wants. A failure makes a dead letter at once. */
async function handleTen(
  atFour: (tx: TransactionSql, attempt: number, pipeline: TestPipeline) => Promise<unknown>,
  more: Partial<Spec> = {},
): Promise<Outcome> {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql`CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text)`;
  const events = Array.from({ length: 10 }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await pipeline.publish();
  let calls = 0;
  const spec: Spec = {
    ...{ stream, name: "test:faulty", events: [WidgetCreated], deadLetterAfter: 1, retryMs: 10 },
    async handle({ payload: { widget_id } }, _context, tx) {
      await tx`INSERT INTO effect (widget_id) VALUES (${widget_id})`;
      if (widget_id === "w4") await atFour(tx, ++calls, pipeline);
    },
    ...more,
  };
  await using _live = liveConsumers(pipeline, [defineConsumer(spec)]);
  await until("all are done", async () => {
    const [row] = await sql<
      { at: string }[]
    >`SELECT checkpoint AS at FROM events.stream_lease WHERE role LIKE 'consumer:%'`;
    return row?.at.endsWith("-10") ?? false;
  });
  const effects = await sql<{ widget_id: string }[]>`SELECT widget_id FROM effect ORDER BY id`;
  const dead = await sql<{ widget: string; error: string }[]>`
    SELECT payload ->> 'widget_id' AS widget, error FROM events.dead_letter`;
  return {
    effects: effects.map((row) => row.widget_id),
    dead: Object.fromEntries(dead.map(({ widget, error }) => [widget, error])),
  };
}

const ALL = Array.from({ length: 10 }, (_, i) => `w${i}`);
const OTHERS = ALL.filter((widget) => widget !== "w4");

for (const statement of ["COMMIT", "ROLLBACK", "END", "  -- done\n commit and chain", "PREPARE TRANSACTION 'x'"]) {
  Deno.test(`a handler that sends ${JSON.stringify(statement)}, and passes over the error, has failed, and the others of its batch have their effect once`, async () => {
    const { effects, dead } = await handleTen(async (tx) => {
      try {
        await tx.unsafe(statement);
      } catch {
        // As a handler may that wants to go on.
      }
    });
    assertEquals(effects, OTHERS);
    assertStringIncludes(dead["w4"]!, "the transaction belongs to whoever has begun it");
  });
}

Deno.test("a handler that hides COMMIT behind another statement is caught, and its event is kept", async () => {
  const { effects, dead } = await handleTen((tx) => tx.unsafe("SELECT 1; COMMIT"), { maxBatch: 1 });
  assertEquals(effects, ALL); // What it has committed by itself cannot be taken back.
  assertStringIncludes(dead["w4"]!, "the handler committed it or rolled it back");
});

Deno.test("a handler that passes over the failure of a statement has failed, whatever the failure", async () => {
  const { effects, dead } = await handleTen((tx) => tx`SELECT FROM nowhere`.catch(() => {}));
  assertEquals(effects, OTHERS);
  assertStringIncludes(dead["w4"]!, 'relation "nowhere" does not exist');
});

Deno.test("a handler that does not wait for a statement that fails has failed", async () => {
  const { effects, dead } = await handleTen((tx) => {
    tx`SELECT 1 / (SELECT count(*) FROM effect WHERE widget_id = 'none')`.catch(() => {});
    return Promise.resolve();
  }, { maxBatch: 1 });
  assertEquals(effects, OTHERS);
  assertStringIncludes(dead["w4"]!, "the handler did not wait for it: await every query");
});

Deno.test("a handler that rolls back to its own savepoint loses what is behind that, and nothing else", async () => {
  const { effects, dead } = await handleTen((tx) =>
    tx.savepoint(async (inner) => {
      await inner`INSERT INTO effect (widget_id) VALUES ('not this')`;
      await inner`SELECT FROM nowhere`;
    }).catch(() => {})
  );
  assertEquals([effects, dead], [ALL, {}]);
});

Deno.test("handlers that share a transaction at once cannot set savepoints: they would undo each other", async () => {
  const { effects, dead } = await handleTen((tx) => tx.savepoint((inner) => inner`SELECT 1`), { concurrency: 4 });
  assertEquals(effects.toSorted(), OTHERS);
  assertStringIncludes(dead["w4"]!, "several handlers share");
});

Deno.test("a handler whose transaction gives way to another one is called again at once, and that is no failure", async () => {
  for (const code of ["40001", "40P01"]) {
    const attempts: number[] = [];
    const { effects, dead } = await handleTen(async (tx, attempt) => {
      attempts.push(attempt);
      if (attempt > 2) return;
      try {
        await tx.unsafe(`DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}'; END $$`);
      } catch (cause) {
        throw new Error("Cannot write", { cause }); // As query builders do.
      }
    });
    assertEquals([effects, dead, attempts], [ALL, {}, [1, 2, 3]]);
  }
});

Deno.test("a handler that deadlocks with another transaction has its effect once", async () => {
  const { effects, dead } = await handleTen(async (tx, attempt, { sql }) => {
    if (attempt > 1) return;
    await sql`CREATE TABLE IF NOT EXISTS pair (id int PRIMARY KEY, n int)`;
    await sql`INSERT INTO pair VALUES (1, 0), (2, 0)`;
    const locked = Promise.withResolvers<void>();
    await tx`SET LOCAL deadlock_timeout = '10ms'`; // So it is this one that gives way.
    const other = sql.begin(async (sql) => {
      await sql`UPDATE pair SET n = n + 1 WHERE id = 2`;
      locked.resolve();
      await sql`UPDATE pair SET n = n + 1 WHERE id = 1`;
    });
    await locked.promise;
    await tx`UPDATE pair SET n = n + 1 WHERE id = 1`;
    try {
      await tx`UPDATE pair SET n = n + 1 WHERE id = 2`;
    } finally {
      other.catch(() => {});
    }
  });
  assertEquals([effects, dead], [ALL, {}]);
});

Deno.test("an error that no column can hold as it is makes a dead letter all the same", async () => {
  const { effects, dead } = await handleTen(() => Promise.reject(new Error(`a NUL: \0 ${"x".repeat(10_000)}`)));
  assertEquals(effects, OTHERS);
  assertEquals(dead["w4"]!.slice(0, 9), "a NUL: \uFFFD ");
});

Deno.test("what a handler throws need not be an error", async () => {
  const { effects, dead } = await handleTen(() => Promise.reject("just words"));
  assertEquals([effects, dead], [OTHERS, { w4: "just words" }]);
});
