/**
 * `deno task bench producer [--rows 100000] [--only many,trips,share]`: how fast `sendEvents` fills the outbox from one connection, with
 * each library; how many round trips a `sendEvent` costs; and what it adds to a transaction that inserts a row of the caller's.
 *
 * @module
 */
import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { parseArgs } from "@std/cli";
import type { Sql } from "postgres";
import { BenchReport, quantile } from "../local/bench_report.ts";
import { benchServers } from "../local/bench_servers.ts";
import { countRoundTrips } from "./bench/round_trips.ts";
import { sendEvent } from "./send_event.ts";
import { libraries } from "./testdata/libraries.ts";

/** How many events `sendEvents` gets at once. */
const BATCH = 1_000;

const flags = parseArgs(Deno.args, { string: ["rows", "only"], boolean: ["help"] });
if (flags.help) {
  console.log("deno task bench producer [--rows 100000] [--only many,trips,share]");
  Deno.exit(0);
}
const only = new Set(flags.only?.split(",") ?? ["many", "trips", "share"]);
const databaseUrl = Deno.env.get("DATABASE_URL")!;
const stream = defineStreamName("stream:bench-producer:events");
const widget = (i: number) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "x".repeat(150) });
const report = new BenchReport("producer");

/** Rows a second from one connection, transactions of 1,000 events of about 200 bytes each. */
async function benchMany(rows: number): Promise<void> {
  await using servers = await benchServers(1);
  const events = Array.from({ length: BATCH }, (_, i) => widget(i));
  for (const library of libraries) {
    await servers.sql`TRUNCATE events.outbox_event`;
    await using open = await library.open(databaseUrl, 1);
    const send = () => open.begin((tx) => open.sendEvents(tx, { stream, events }));
    for (let i = 0; i < 20; i++) await send();
    const begun = performance.now();
    for (let sent = 0; sent < rows; sent += BATCH) await send();
    const goal = library.name === "postgres.js" ? ">= 30000" : undefined;
    report.add(`sendEvents, ${library.name}, 1 connection`, rows / (performance.now() - begun) * 1_000, "rows/s", goal);
  }
}

/** Round trips of a `sendEvent` in a transaction that is under way, once the connection knows the statement. */
async function benchRoundTrips(): Promise<void> {
  await using proxy = await countRoundTrips(databaseUrl);
  for (const library of libraries) {
    await using open = await library.open(proxy.url, 1);
    const trips = await open.begin(async (tx) => {
      await open.sendEvent(tx, { stream, event: widget(0) });
      await open.sendEvent(tx, { stream, event: widget(1) });
      const before = proxy.count;
      await open.sendEvent(tx, { stream, event: widget(2) });
      return proxy.count - before;
    });
    report.add(`sendEvent, ${library.name}`, trips, "round trips", library.name === "postgres.js" ? "1" : undefined);
  }
}

/** Milliseconds of a transaction with one row of the caller's, without an event and with one, in turns. */
async function benchShare(): Promise<void> {
  await using servers = await benchServers(1);
  const { sql } = servers;
  await sql`CREATE TABLE IF NOT EXISTS public.bench_widget (widget_id text NOT NULL, owner_id text NOT NULL)`;
  const times = { without: [] as number[], with: [] as number[] };
  for (let i = 0; i < 4_000; i++) {
    const withEvent = i % 2 === 1;
    const begun = performance.now();
    await insertWidget(sql, i, withEvent);
    if (i >= 400) times[withEvent ? "with" : "without"].push(performance.now() - begun);
  }
  await sql`DROP TABLE public.bench_widget`;
  const [without, both] = [quantile(times.without, 0.5), quantile(times.with, 0.5)];
  report.add("a transaction with one row, without an event, p50", without, "ms");
  report.add("the same with sendEvent, p50", both, "ms");
  report.add("sendEvent's share of it", (both - without) / both * 100, "%");
}

async function insertWidget(sql: Sql, i: number, withEvent: boolean): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`INSERT INTO public.bench_widget (widget_id, owner_id) VALUES (${`w${i}`}, 'o')`;
    if (withEvent) await sendEvent(tx, { stream, event: widget(i) });
  });
}

if (only.has("many")) await benchMany(Number(flags.rows ?? "100000"));
if (only.has("trips")) await benchRoundTrips();
if (only.has("share")) await benchShare();
report.end();
Deno.exit(0);
