import { sleep } from "@events-pipeline/common/retry";
import { type BenchReport, cpuSeconds } from "../../local/bench_report.ts";
import { startDaemon } from "../../local/daemon_process.ts";
import { benchServers, clearAll } from "../../local/bench_servers.ts";
import { countStatements } from "./statement_count.ts";

const SECONDS = 35;

/** What a publisher asks of the database when nothing happens; housekeeping every half minute included. */
export async function benchIdle(report: BenchReport): Promise<void> {
  await using servers = await benchServers();
  await clearAll(servers);
  await using count = await countStatements(Deno.env.get("DATABASE_URL")!);
  const environment = { DATABASE_URL: count.url, REDIS_URL: Deno.env.get("REDIS_URL")! };
  const publisher = await startDaemon("publisher", { environment });
  try {
    await sleep(5_000);
    const before = { statements: count.statements, cpu: await cpuSeconds(publisher.pid) };
    await sleep(SECONDS * 1_000);
    report.add("idle: statements", (count.statements - before.statements) / SECONDS, "/s", "<= 2");
    report.add("idle: CPU of the publisher", (await cpuSeconds(publisher.pid) - before.cpu) / SECONDS * 100, "%");
  } finally {
    publisher.kill("SIGTERM");
    await publisher.ended;
  }
}
