import { sleep } from "@events-pipeline/common/retry";
import { type BenchReport, cpuSeconds } from "../../local/bench_report.ts";
import { startDaemon } from "../../local/daemon_process.ts";
import { benchServers, clearAll } from "../../local/bench_servers.ts";

const SECONDS = 20;

/** What a publisher asks of the database when nothing happens. */
export async function benchIdle(report: BenchReport): Promise<void> {
  await using servers = await benchServers();
  await clearAll(servers);
  const environment = { DATABASE_URL: Deno.env.get("DATABASE_URL")!, REDIS_URL: Deno.env.get("REDIS_URL")! };
  const publisher = await startDaemon("publisher", { environment });
  try {
    await sleep(5_000);
    // Every statement outside a transaction block is a transaction; a session tells of them with a delay of a second.
    const commits = async (): Promise<number> =>
      Number(
        (await servers.sql`SELECT xact_commit AS n FROM pg_stat_database WHERE datname = current_database()`)[0]!["n"],
      );
    const before = { commits: await commits(), cpu: await cpuSeconds(publisher.pid) };
    await sleep(SECONDS * 1_000);
    report.add("idle: statements", (await commits() - before.commits - 1) / SECONDS, "/s", "<= 2");
    report.add("idle: CPU of the publisher", (await cpuSeconds(publisher.pid) - before.cpu) / SECONDS * 100, "%");
  } finally {
    publisher.kill("SIGTERM");
    await publisher.ended;
  }
}
