import { toStreamFields } from "@events-pipeline/common";
import { startBenchChild } from "../../local/bench_child.ts";
import type { BenchReport } from "../../local/bench_report.ts";
import { type BenchServers, benchServers, clearAll } from "../../local/bench_servers.ts";
import { BENCH_STREAM, createEffects, type HandlerKind } from "./bench_consumers.ts";
import { caughtUp, checkEffects } from "./caught_up.ts";

/** What is measured, how many events it takes, and what is asked for, in events a second. */
const RUNS: readonly (readonly [kind: HandlerKind | "bare", events: number, goal?: number])[] = [
  ["ordinary", 50_000, 6_000],
  ["bare", 50_000],
  ["concurrent", 50_000],
  ["batch", 200_000, 25_000],
  ["single", 5_000, 1_000],
];

const WHAT = {
  ordinary: "one INSERT an event, in order",
  bare: "the same by a bare loop",
  concurrent: "one INSERT an event, 10 at once",
  batch: "handleBatch, one INSERT for 1,000",
  single: "one transaction an event",
};

/** How fast one consumer works off a stream that is full. */
export async function benchThroughput(report: BenchReport): Promise<void> {
  await using servers = await benchServers();
  const rates = new Map<string, number>();
  for (const [kind, events, goal] of RUNS) {
    const { seconds, cpuSeconds, peakBytes } = await consume(servers, kind, events, 1);
    rates.set(kind, events / seconds);
    report.add(WHAT[kind], events / seconds, "events/s", goal === undefined ? undefined : `>= ${goal}`);
    report.add(`${WHAT[kind]}: CPU, all processes`, cpuSeconds / events * 1_000, "ms/event");
    report.add(`${WHAT[kind]}: peak memory`, peakBytes / 2 ** 20, "MiB");
  }
  report.add("one INSERT an event / bare loop", rates.get("ordinary")! / rates.get("bare")!, "");
}

/** What 50 consumers of one stream in one process take. */
export async function benchMany(report: BenchReport): Promise<void> {
  await using servers = await benchServers();
  const consumers = 50;
  const events = 2_000;
  const { seconds, peakBytes, connections, reads } = await consume(servers, "ordinary", events, consumers);
  report.add(`${consumers} consumers`, consumers * events / seconds, "events/s");
  report.add(`${consumers} consumers: peak memory`, peakBytes / 2 ** 20, "MiB");
  report.add(`${consumers} consumers: connections to PostgreSQL`, connections, "", "<= 10");
  report.add(
    `${consumers} consumers: reads of the stream, for each 1000 entries and consumer`,
    reads / consumers / (events / 1_000),
    "",
  );
}

interface Consumed {
  readonly seconds: number;
  /** Of the process, PostgreSQL and Redis. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly connections: number;
  readonly reads: number;
}

async function consume(
  servers: BenchServers,
  kind: HandlerKind | "bare",
  events: number,
  consumers: number,
): Promise<Consumed> {
  const { sql, redis } = servers;
  await clearAll(servers);
  await createEffects(sql);
  await fillStream(servers, events);
  await redis.call("CONFIG", "RESETSTAT");
  await using child = await startBenchChild("consumer/bench/consume_child.ts", "consume", [kind, String(consumers)]);
  const before = await servers.cpuSeconds();
  const begun = performance.now();
  await child.go();
  await caughtUp(sql, consumers, events);
  const seconds = (performance.now() - begun) / 1_000;
  const cpuSeconds = await servers.cpuSeconds() - before + await child.cpuSeconds();
  const [row] = await sql`SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'bench consumer'`;
  const reads = /cmdstat_xread:calls=(\d+)/.exec(String(await redis.call("INFO", "commandstats")));
  await child.stop();
  const { peakBytes } = await child.result as { peakBytes: number };
  await checkEffects(sql, consumers, events, kind !== "concurrent");
  return { seconds, cpuSeconds, peakBytes, connections: row!["n"], reads: Number(reads?.[1] ?? 0) };
}

/** Fills the stream as a publisher would. */
async function fillStream({ redis }: BenchServers, events: number): Promise<void> {
  const pad = "x".repeat(140);
  const time = new Date().toISOString();
  const ms = Date.now();
  for (let from = 1; from <= events; from += 1_000) {
    await Promise.all(
      Array.from({ length: Math.min(1_000, events - from + 1) }, (_, i) => {
        const payload = JSON.stringify({ widget_id: `w${from + i}`, owner_id: "o", pad });
        const envelope = { eventId: crypto.randomUUID(), stream: BENCH_STREAM, eventType: "WidgetCreated", time };
        return redis
          .call("XADD", BENCH_STREAM, `${ms}-${from + i}`, ...toStreamFields({ ...envelope, metadata: "{}", payload }));
      }),
    );
  }
}
