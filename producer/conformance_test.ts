import { defineEvent } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { sqlstateOf } from "@events-pipeline/common/sqlstate";
import { textTable } from "@events-pipeline/common/text-table";
import { startPgBouncer } from "@events-pipeline/local/pgbouncer";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { NoConnectionError, sendEvent } from "./mod.ts";
import { libraries, type Library, type OpenLibrary } from "./testdata/libraries.ts";

const widget = WidgetCreated.create({ widget_id: "w", owner_id: "o" });
const Unusual = defineEvent("ConformanceUnusual", { text: z.string(), number: z.number() });

/** What a case works with. */
interface Bench {
  readonly pipeline: TestPipeline;
  readonly library: Library;
  readonly open: OpenLibrary<unknown>;
  /** The URL of a pooler in transaction mode, before the same database. */
  readonly pooledUrl: string;
}

class NoWay extends Error {}

const fail = (): never => {
  throw new NoWay("no");
};

const count = async ({ pipeline: { sql } }: Bench): Promise<number> => {
  const [row] = await sql<{ rows: number }[]>`SELECT count(*)::int AS rows FROM events.outbox_event`;
  return row!.rows;
};

/** What every library has to do. A case gives "n/a" where a library has no such thing. */
const cases: Record<string, (bench: Bench) => Promise<"n/a" | void>> = {
  async commit(bench) {
    const { open, pipeline: { sql, stream } } = bench;
    const metadata = { correlation_id: "c" };
    const eventId = await open.begin((tx) => open.sendEvent(tx, { stream, event: widget, metadata }));
    assertEquals([...await sql`SELECT event_id, stream_name, event_type, payload, metadata FROM events.outbox_event`], [
      {
        event_id: eventId,
        stream_name: stream,
        event_type: "WidgetCreated",
        payload: { widget_id: "w", owner_id: "o" },
        metadata,
      },
    ]);
  },
  async rollback(bench) {
    const { open, pipeline: { stream } } = bench;
    await assertRejects(() =>
      open.begin(async (tx) => {
        await open.sendEvent(tx, { stream, event: widget });
        fail();
      }), NoWay);
    assertEquals(await count(bench), 0);
  },
  async "savepoint rolled back"(bench) {
    const { open, pipeline: { stream } } = bench;
    await open.begin(async (tx) => {
      await open.sendEvent(tx, { stream, event: widget });
      await open.execute(tx, "SAVEPOINT by_hand");
      await open.sendEvents(tx, { stream, events: [widget, widget] });
      await open.execute(tx, "ROLLBACK TO SAVEPOINT by_hand");
    });
    assertEquals(await count(bench), 1);
  },
  async "nested transaction"(bench) {
    const { open, pipeline: { stream } } = bench;
    if (open.nest === undefined) return "n/a";
    const { nest } = open;
    await open.begin(async (tx) => {
      await nest(tx, (inner) => open.sendEvent(inner, { stream, event: widget }));
      await assertRejects(() =>
        nest(tx, async (inner) => {
          await open.sendEvent(inner, { stream, event: widget });
          fail();
        }), NoWay);
      await open.sendEvent(tx, { stream, event: widget });
    });
    assertEquals(await count(bench), 2);
  },
  async "concurrent transactions"(bench) {
    const { open, pipeline: { sql, stream } } = bench;
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, (_, i) =>
      open.begin(async (tx) => {
        const event = WidgetCreated.create({ widget_id: `${i}`, owner_id: "o" });
        await open.sendEvent(tx, { stream, event });
        await open.sendEvent(tx, { stream, event });
        if (i % 3 === 0) fail();
      })));
    assertEquals(outcomes.filter(({ status }) => status === "rejected").length, 4);
    const rows = await sql<{ id: number }[]>`
      SELECT (payload->>'widget_id')::int AS id FROM events.outbox_event ORDER BY 1`;
    assertEquals(rows.map(({ id }) => id), [1, 2, 4, 5, 7, 8, 10, 11].flatMap((id) => [id, id]));
  },
  async "error in the insert"(bench) {
    const { open, pipeline: { sql, stream } } = bench;
    await sql`ALTER TABLE events.outbox_event ADD CONSTRAINT test_refuses CHECK (event_type <> 'ConformanceUnusual')`;
    const refused = Unusual.create({ text: "", number: 0 });
    const error = await assertRejects(() =>
      open.begin(async (tx) => {
        await open.sendEvent(tx, { stream, event: widget });
        await open.sendEvent(tx, { stream, event: refused });
      })
    );
    assertEquals(sqlstateOf(error), "23514");
    assertEquals(await count(bench), 0);
    // Passed over inside of withTransaction, it cannot be mistaken for a commit.
    await assertRejects(() =>
      open.withTransaction(async () => {
        await sendEvent({ stream, event: refused }).catch(() => {});
      })
    );
    await open.begin((tx) => open.sendEvent(tx, { stream, event: widget }));
    assertEquals(await count(bench), 1);
    await sql`ALTER TABLE events.outbox_event DROP CONSTRAINT test_refuses`;
  },
  async "bulk of 10,000"(bench) {
    const { open, pipeline: { sql, stream } } = bench;
    const events = Array.from(
      { length: 10_000 },
      (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }),
    );
    const ids = await open.begin((tx) => open.sendEvents(tx, { stream, events }));
    const rows = await sql`SELECT event_id, payload->>'widget_id' AS widget FROM events.outbox_event ORDER BY id`;
    assertEquals(rows.map((row) => row["event_id"]), [...ids]);
    assertEquals(rows.map((row) => row["widget"]), events.map((event) => event.payload.widget_id));
  },
  async "unusual payloads"(bench) {
    const { open, pipeline: { sql, stream } } = bench;
    const texts = [
      ...["\u0000", "\ud800", "'", '"', "\\", '{"a","b"}', "NULL", "", "$1 ${2} ? ?? :name @x", "%s"],
      ...["żółw 🐢 مرحبا 日本語", "\u2028\u2029\r\n\t", "a".repeat(1_000_000), "🐢".repeat(200_000)],
    ];
    const numbers = [Number.MAX_SAFE_INTEGER, -0.1, 1e300, 5e-324, 2 ** 63, 123456789012345680000];
    const events = [
      ...texts.map((text) => Unusual.create({ text, number: 0 })),
      ...numbers.map((number) => Unusual.create({ text: "", number })),
    ];
    await open.begin(async (tx) => {
      await open.sendEvents(tx, { stream, events });
      for (const event of events) {
        await open.sendEvent(tx, { stream, event, metadata: { label: event.payload.text.slice(0, 100) } });
      }
    });
    const rows = await sql<{ payload: string; metadata: string }[]>`
      SELECT payload::text, metadata::text FROM events.outbox_event ORDER BY id`;
    assertEquals(rows.length, 2 * events.length);
    for (const [i, { payload }] of rows.entries()) {
      const event = events[i % events.length]!;
      // Not compared by assertEquals: it would print a megabyte.
      assert(payload === Unusual.encode(event), `${i} is not what was sent`);
      assert(JSON.parse(payload).text === event.payload.text && JSON.parse(payload).number === event.payload.number);
    }
    assertEquals(
      rows.slice(events.length).map((row) => JSON.parse(row.metadata).label),
      events.map((event) => event.payload.text.slice(0, 100)),
    );
  },
  async "outside a transaction"(bench) {
    const { open, pipeline: { stream } } = bench;
    await assertRejects(() => open.sendOutside({ stream, event: widget }), TypeError, "outside a transaction");
    await open.begin(async (tx) => {
      await assertRejects(
        () => open.sendEvent(tx, { stream, event: widget, guarantee: "AT_LEAST_ONCE" }),
        TypeError,
        "inside a transaction",
      );
    });
    assertEquals(await count(bench), 0);
  },
  async "at least once"(bench) {
    const { open, pipeline: { stream } } = bench;
    await assertRejects(() =>
      open.begin(async () => {
        await open.sendOutside({ stream, event: widget, guarantee: "AT_LEAST_ONCE" });
        fail();
      }), NoWay);
    assertEquals(await count(bench), 1);
  },
  async "pool of one"(bench) {
    const { library, pipeline: { databaseUrl, stream } } = bench;
    await using one = await library.open(databaseUrl, 1);
    const atOnce = { stream, event: widget, guarantee: "AT_LEAST_ONCE", connectionWaitMs: 200 } as const;
    await one.begin(async (tx) => {
      await assertRejects(() => one.sendOutside(atOnce), NoConnectionError, "within 200 ms");
      await one.sendEvent(tx, { stream, event: widget });
    });
    await one.withTransaction(async () => {
      await assertRejects(() => sendEvent(atOnce), NoConnectionError);
    });
    assertEquals(await count(bench), 1);
    await one.sendOutside({ ...atOnce, connectionWaitMs: 30_000 });
    assertEquals(await count(bench), 2); // What was given up was not sent later.
  },
  async ambient(bench) {
    const { open, pipeline: { sql, stream } } = bench;
    const send = (widget_id: string) =>
      sendEvent({ stream, event: WidgetCreated.create({ widget_id, owner_id: "o" }) });
    // Parallel requests, each with its own; one in two fails.
    await Promise.allSettled(Array.from({ length: 6 }, (_, i) =>
      open.withTransaction(async () => {
        await send(`r${i}`);
        await open.withTransaction(() => send(`r${i} inner`));
        await assertRejects(() =>
          open.withTransaction(async () => {
            await send(`r${i} undone`);
            fail();
          }), NoWay);
        if (i % 2 === 0) fail();
      })));
    let late: (() => Promise<unknown>) | undefined;
    await open.withTransaction((tx) => {
      const go = Promise.withResolvers<void>();
      const left = go.promise.then(() => send("late"));
      late = () => (go.resolve(), left);
      return Promise.resolve(assert(tx !== undefined));
    });
    await assertRejects(late!, TypeError, "has ended");
    await assertRejects(() => send("nowhere"), TypeError, "without a transaction");
    const rows = await sql`SELECT payload->>'widget_id' AS widget FROM events.outbox_event ORDER BY 1`;
    const wanted = [1, 3, 5].flatMap((i) => [`r${i}`, `r${i} inner`]);
    assertEquals(rows.map((row) => row["widget"]), wanted);
  },
  async PgBouncer(bench) {
    const { library, pooledUrl, pipeline: { stream } } = bench;
    // Every transaction may meet another session of the server.
    const url = library.name.includes("postgres.js") ? `${pooledUrl}?prepare=false` : pooledUrl;
    await using pooled = await library.open(url, 4);
    await Promise.all(Array.from({ length: 8 }, () =>
      pooled.begin(async (tx) => {
        await pooled.sendEvent(tx, { stream, event: widget });
        await pooled.sendEvents(tx, { stream, events: [widget, widget] });
      })));
    await pooled.withTransaction(() => sendEvent({ stream, event: widget }));
    assertEquals(await count(bench), 25);
  },
};

Deno.test("sendEvent() means the same with every library", async (t) => {
  await using pipeline = await testPipeline();
  await using pooler = await startPgBouncer(pipeline.databaseUrl, { poolMode: "transaction" });
  const results: Record<string, string>[] = [];
  for (const library of libraries) {
    const row: Record<string, string> = { "": library.name };
    await t.step(library.name, async (t) => {
      await using open = await library.open(pipeline.databaseUrl, 4);
      for (const [name, run] of Object.entries(cases)) {
        await pipeline.sql`TRUNCATE events.outbox_event`;
        const passed = await t.step(name, async () => {
          row[name] = await run({ pipeline, library, open, pooledUrl: pooler.url }) ?? "ok";
        });
        if (!passed) row[name] = "FAILED";
      }
    });
    results.push(row);
  }
  const head = ["", ...results.map((row) => row[""]!)];
  const lines = Object.keys(cases).map((name) => [name, ...results.map((row) => row[name] ?? "")]);
  console.log(textTable(head, lines));
});

Deno.test("an entry of a library loads neither that library nor another", async () => {
  for (const entry of ["pg", "drizzle", "kysely", "knex", "prisma", "typeorm"]) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", new URL(`./${entry}.ts`, import.meta.url).pathname],
    }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
      modules: { dependencies?: { code?: { specifier: string } }[] }[];
    };
    const loaded = modules.flatMap(({ dependencies = [] }) => dependencies.map(({ code }) => code?.specifier ?? ""));
    const packages = new Set(
      loaded.filter((specifier) => specifier.startsWith("npm:")).map((name) => name.split("@^")[0]),
    );
    assertEquals([...packages].sort(), ["npm:@opentelemetry/api", "npm:uuid", "npm:zod"], entry);
  }
});
