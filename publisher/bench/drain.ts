import { startBenchChild } from "../../local/bench_child.ts";
import type { BenchReport } from "../../local/bench_report.ts";
import { type BenchServers, benchServers, clearAll, fillOutbox } from "../../local/bench_servers.ts";

const STREAM = "stream:bench:events";

/** The publisher, or a bare pump: the same SELECT, XADD and UPDATE, and no checks. */
export type PumpKind = "publisher" | "bare";

/** What a drain took. */
export interface Drained {
  readonly eventsPerSecond: number;
  /** The most memory that the process had at once. */
  readonly peakBytes: number;
  /** Of the process, PostgreSQL and Redis. */
  readonly cpuSeconds: number;
  readonly walBytes: number;
}

/** Drains backlogs of several sizes, and one beside a bare pump. */
export async function benchDrain(report: BenchReport, backlogs: readonly number[]): Promise<void> {
  await using servers = await benchServers();
  const rates = new Map<string, number>();
  for (const bytes of [200, 2_000]) {
    for (const rows of backlogs) {
      if (bytes === 2_000 && rows > 200_000) continue;
      const drained = await drain(servers, "publisher", rows, bytes);
      const what = `drain ${bytes} bytes, ${rows} rows`;
      rates.set(what, drained.eventsPerSecond);
      report.add(what, drained.eventsPerSecond, "events/s", bytes === 200 ? ">= 45000" : undefined);
      report.add(`${what}: peak memory`, drained.peakBytes / 2 ** 20, "MiB", "< 150");
      report.add(`${what}: CPU, all processes`, drained.cpuSeconds / rows * 1_000_000, "s/M events");
      report.add(`${what}: WAL`, drained.walBytes / rows, "bytes/event");
    }
    const rows = Math.min(200_000, Math.max(...backlogs));
    const bare = await drain(servers, "bare", rows, bytes);
    report.add(`bare pump ${bytes} bytes, ${rows} rows`, bare.eventsPerSecond, "events/s");
    const own = rates.get(`drain ${bytes} bytes, ${rows} rows`);
    if (own !== undefined) {
      report.add(`publisher / bare pump, ${bytes} bytes`, own / bare.eventsPerSecond, "", ">= 0.8");
    }
  }
  const small = rates.get("drain 200 bytes, 200000 rows");
  const large = rates.get("drain 200 bytes, 2000000 rows");
  if (small !== undefined && large !== undefined) report.add("2000000 rows / 200000 rows", large / small, "", ">= 0.9");
}

async function drain(servers: BenchServers, kind: PumpKind, rows: number, bytes: number): Promise<Drained> {
  await clearAll(servers);
  await fillOutbox(servers.sql, STREAM, rows, bytes);
  const drained = await drainStream(servers, kind, STREAM, rows);
  const length = Number(await servers.redis.call("XLEN", STREAM));
  if (length !== rows) throw new Error(`Cannot trust the benchmark: ${length} of ${rows} events are in the stream`);
  return drained;
}

/** Measures how long a new process takes to publish what waits of a stream. */
export async function drainStream(
  servers: BenchServers,
  kind: PumpKind,
  stream: string,
  rows: number,
): Promise<Drained> {
  await using child = await startBenchChild("publisher/bench/pump_child.ts", "publisher", [kind, stream]);
  const wal = async (): Promise<number> =>
    Number((await servers.sql`SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS bytes`)[0]!["bytes"]);
  const before = { wal: await wal(), cpu: await servers.cpuSeconds() };
  await child.go();
  const { seconds, peakBytes } = await child.result as { seconds: number; peakBytes: number };
  const cpu = await servers.cpuSeconds() - before.cpu + await child.cpuSeconds();
  return { eventsPerSecond: rows / seconds, peakBytes, cpuSeconds: cpu, walBytes: await wal() - before.wal };
}
