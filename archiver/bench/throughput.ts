import { connectPostgres } from "@events-pipeline/common/postgres";
import { runPublisher } from "@events-pipeline/publisher";
import { pathToFileURL } from "node:url";
import { startBenchChild } from "../../local/bench_child.ts";
import type { BenchReport } from "../../local/bench_report.ts";
import { type BenchServers, benchServers, clearAll, fillOutbox } from "../../local/bench_servers.ts";
import { testBucket } from "../../local/test_bucket.ts";

const STREAM = "stream:bench:events";

/** The archiver, or a bare pipe: the same XRANGE, lines and gzip, into one file, and no checks. */
type Kind = "archiver" | "bare";

/** What archiving took. */
interface Archived {
  readonly seconds: number;
  /** The most memory that the process had at once. */
  readonly peakBytes: number;
  /** Of the process alone. */
  readonly cpuSeconds: number;
}

/** Archives a backlog to a folder and to an S3 server. */
export async function benchThroughput(report: BenchReport, events: number, only: ReadonlySet<string>): Promise<void> {
  await using servers = await benchServers();
  for (const bytes of [200, 2_000]) {
    const rows = bytes === 200 ? events : Math.ceil(events / 5);
    await fill(servers, rows, bytes);
    const add = (what: string, archived: Archived, goal?: string): number => {
      const rate = rows / archived.seconds;
      report.add(`${what} ${bytes} bytes, ${rows} events`, rate, "events/s", bytes === 200 ? goal : undefined);
      report.add(`${what} ${bytes} bytes: peak memory`, archived.peakBytes / 2 ** 20, "MiB", goal && "< 200");
      report.add(`${what} ${bytes} bytes: CPU of the process`, archived.cpuSeconds / rows * 1e6, "s/M events");
      return rate;
    };
    if (only.has("file")) {
      const bare = add("bare pipe", await toFolder(servers, "bare"));
      const own = add("file", await toFolder(servers, "archiver"), ">= 50000");
      report.add(`archiver / bare pipe, ${bytes} bytes`, own / bare, "", ">= 0.6");
    }
    if (only.has("s3")) add("radosgw", await toBucket(servers), ">= 30000");
  }
}

/** Archives large events that come after small ones: the memory must not follow their size. */
export async function benchMemory(report: BenchReport): Promise<void> {
  await using servers = await benchServers();
  await clearAll(servers);
  await fillOutbox(servers.sql, STREAM, 20_000, 200);
  await fillOutbox(servers.sql, STREAM, 400, 1_000_000);
  await publish(servers);
  const { peakBytes, seconds } = await toBucket(servers);
  report.add("radosgw, 400 events of 1 MB after 20000 small ones: peak memory", peakBytes / 2 ** 20, "MiB", "< 200");
  report.add("radosgw, the same", 400 / seconds, "MB/s");
}

async function fill(servers: BenchServers, rows: number, bytes: number): Promise<void> {
  await clearAll(servers);
  await fillOutbox(servers.sql, STREAM, rows, bytes);
  await publish(servers);
}

async function publish({ sql, redis }: BenchServers): Promise<void> {
  const wakeUpSql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "bench", connections: 1 });
  await runPublisher({ sql, wakeUpSql, redis, once: true, signal: AbortSignal.timeout(600_000) });
  await wakeUpSql.end({ timeout: 5 });
  await sql`VACUUM ANALYZE events.outbox_event`;
}

async function toFolder(servers: BenchServers, kind: Kind): Promise<Archived> {
  const folder = await Deno.makeTempDir();
  try {
    return await archive(servers, kind, { ARCHIVE_URL: pathToFileURL(folder).href });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function toBucket(servers: BenchServers): Promise<Archived> {
  using bucket = await testBucket();
  return await archive(servers, "archiver", bucket.environment);
}

async function archive(
  { sql, redis }: BenchServers,
  kind: Kind,
  environment: Readonly<Record<string, string>>,
): Promise<Archived> {
  await sql`DELETE FROM events.stream_lease WHERE role = 'archiver'`;
  await using child = await startBenchChild("archiver/bench/archive_child.ts", "archive", [kind, STREAM], environment);
  await child.go();
  const { seconds, peakBytes } = await child.result as { seconds: number; peakBytes: number };
  if (kind === "archiver") {
    const [row] = await sql`
      SELECT split_part(checkpoint, '-', 2)::int AS archived FROM events.stream_lease WHERE role = 'archiver'`;
    const rows = Number(await redis.call("XLEN", STREAM));
    if (row?.["archived"] !== rows) {
      throw new Error(`Cannot trust the benchmark: ${row?.["archived"]} of ${rows} are archived`);
    }
  }
  return { seconds, peakBytes, cpuSeconds: await child.cpuSeconds() };
}
