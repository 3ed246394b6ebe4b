import { WidgetCreated } from "@events-pipeline/common/schemas";
import { sleep } from "@events-pipeline/common/retry";
import { sendEvent } from "@events-pipeline/producer";
import { type BenchReport, quantile } from "../../local/bench_report.ts";
import { type BenchServers, benchServers, clearAll } from "../../local/bench_servers.ts";
import { startDaemon } from "../../local/daemon_process.ts";
import { BENCH_STREAM, createEffects } from "./bench_consumers.ts";
import { caughtUp, checkEffects } from "./caught_up.ts";

const SECONDS = 10;

/** Events a second, and what is asked for, in milliseconds. */
const RATES = [[10], [200, 3, 10], [1_000, 5, 25]] as const;

/** From the return of COMMIT until the handler has the event, at steady rates, through publisher and consumer. */
export async function benchLatency(report: BenchReport): Promise<void> {
  await using servers = await benchServers(20);
  for (const [rate, p50, p99] of RATES) {
    const measured = await measure(servers, rate);
    const goal = (ms: number | undefined): string | undefined => ms === undefined ? undefined : `< ${ms}`;
    report.add(`commit to handler at ${rate} events/s, p50`, quantile(measured, 0.5), "ms", goal(p50));
    report.add(`commit to handler at ${rate} events/s, p99`, quantile(measured, 0.99), "ms", goal(p99));
  }
}

async function measure(servers: BenchServers, rate: number): Promise<number[]> {
  const { sql } = servers;
  await clearAll(servers);
  await createEffects(sql);
  const environment = { DATABASE_URL: Deno.env.get("DATABASE_URL")!, REDIS_URL: Deno.env.get("REDIS_URL")! };
  const daemons = [
    await startDaemon("publisher", { environment }),
    await startDaemon("consume", { environment, args: ["--handlers", "consumer/bench/latency_handlers.ts"] }),
  ];
  const total = rate * SECONDS;
  const committed = new Map<string, number>();
  try {
    await caughtUp(sql, 1, 0);
    await sleep(1_500); // The start of the processes is not what is measured.
    const sending: Promise<void>[] = [];
    const begun = performance.now();
    for (let i = 1; i <= total; i++) {
      sending.push((async () => {
        const event = WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" });
        const eventId = await sql.begin((tx) => sendEvent(tx, { stream: BENCH_STREAM, event }));
        committed.set(eventId, performance.timeOrigin + performance.now());
      })());
      await sleep(begun + i * 1_000 / rate - performance.now());
    }
    await Promise.all(sending);
    await caughtUp(sql, 1, total);
  } finally {
    for (const daemon of daemons) daemon.kill("SIGTERM");
    await Promise.all(daemons.map((daemon) => daemon.ended));
  }
  await checkEffects(sql, 1, total, false);
  const rows = await sql<{ event_id: string; handled_ms: number }[]>`
    SELECT event_id, handled_ms FROM bench.effect ORDER BY id`;
  // The first second warms up the processes. An event may come to its handler before its sender knows that it is committed.
  return rows.slice(rate).map((row) => Math.max(0, row.handled_ms - committed.get(row.event_id)!));
}
