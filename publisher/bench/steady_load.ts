import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { sleep } from "@events-pipeline/common/retry";
import type { BenchReport } from "../../local/bench_report.ts";
import { startDaemon } from "../../local/daemon_process.ts";
import { until } from "../../local/until.ts";
import { type BenchServers, benchServers, clearAll, fillOutbox } from "../../local/bench_servers.ts";
import { drainStream } from "./drain.ts";
import { outboxRow, pgbench } from "./pgbench.ts";

const RATE = 1_000;
const BACKLOG = 200_000;

/** The publisher keeps published rows for so long here, so that the outbox has its full size long before the end. */
const SETTINGS = { PUBLISHER_KEEP_SECONDS: "30", PUBLISHER_CLEAN_SECONDS: "5" };

/** The outbox table, at a moment. */
interface Sample {
  readonly deadRows: number;
  readonly tableBytes: number;
  readonly indexBytes: number;
}

/** The outbox's size over minutes of steady load, and the drain rate after it: as it is, and while a session holds a snapshot open. */
export async function benchSteadyLoad(report: BenchReport, minutes: number): Promise<void> {
  await using servers = await benchServers();
  const plain = await steadyLoad(report, servers, "steady load", minutes);
  const holder = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "holder", connections: 1 });
  try {
    const held = await holder.begin("ISOLATION LEVEL REPEATABLE READ", async (tx) => {
      await tx`SELECT 1`; // A snapshot, and no lock that clearing would wait for.
      return await steadyLoad(report, servers, "steady load, snapshot held", minutes);
    });
    report.add("drain rate, snapshot held / not held", held / plain, "", ">= 0.8");
  } finally {
    await closePostgres(holder);
  }
}

/** @returns the drain rate afterwards, in events/s */
async function steadyLoad(report: BenchReport, servers: BenchServers, name: string, minutes: number): Promise<number> {
  await clearAll(servers);
  const url = Deno.env.get("DATABASE_URL")!;
  const environment = { DATABASE_URL: url, REDIS_URL: Deno.env.get("REDIS_URL")!, ...SETTINGS };
  const publisher = await startDaemon("publisher", { environment });
  const samples: Sample[] = [];
  try {
    const script = outboxRow("steady");
    const done = new AbortController();
    const writing = pgbench(url, { script, clients: 4, seconds: minutes * 60, rate: RATE }).finally(() => done.abort());
    while (!done.signal.aborted) {
      await sleep(5_000, done.signal);
      samples.push(await sample(servers));
      const { deadRows, tableBytes, indexBytes } = samples.at(-1)!;
      console.error(`${deadRows} dead rows, table ${mib(tableBytes)} MiB, indexes ${mib(indexBytes)} MiB`);
    }
    report.add(`${name}: events written`, await writing, "/s");
    await until(
      "all is published",
      async () => (await servers.sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
      60_000,
    );
  } finally {
    publisher.kill("SIGTERM");
    await publisher.ended;
  }
  const half = Math.floor(samples.length / 2);
  for (const part of ["deadRows", "tableBytes", "indexBytes"] as const) {
    const most = (some: readonly Sample[]): number => Math.max(...some.map((sample) => sample[part]));
    const [unit, scale] = part === "deadRows" ? ["rows", 1] : ["MiB", 2 ** 20];
    report.add(`${name}: ${part}, most in the first half`, most(samples.slice(0, half)) / scale!, unit as string);
    report.add(`${name}: ${part}, most in the second half`, most(samples.slice(half)) / scale!, unit as string);
  }
  await fillOutbox(servers.sql, "stream:steady:events", BACKLOG, 200);
  const { eventsPerSecond } = await drainStream(servers, "publisher", "stream:steady:events", BACKLOG);
  report.add(`${name}: drain rate afterwards`, eventsPerSecond, "events/s");
  return eventsPerSecond;
}

async function sample({ sql }: BenchServers): Promise<Sample> {
  const [row] = await sql<{ dead_rows: string; table_bytes: string; index_bytes: string }[]>`
    SELECT n_dead_tup AS dead_rows, pg_table_size(relid) AS table_bytes, pg_indexes_size(relid) AS index_bytes
    FROM pg_stat_user_tables WHERE relid = 'events.outbox_event'::regclass`;
  return {
    deadRows: Number(row!.dead_rows),
    tableBytes: Number(row!.table_bytes),
    indexBytes: Number(row!.index_bytes),
  };
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
