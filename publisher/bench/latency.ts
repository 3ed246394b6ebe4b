import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { connectRedis } from "@events-pipeline/common/redis";
import { sleep } from "@events-pipeline/common/retry";
import { sendEvent } from "@events-pipeline/producer";
import { type BenchReport, quantile } from "../../local/bench_report.ts";
import { startDaemon } from "../../local/daemon_process.ts";
import { benchServers, clearAll } from "../../local/bench_servers.ts";

const SECONDS = 10;

/** From the return of COMMIT, and from just before it is sent, until a reader has the entry, at steady rates. */
export async function benchLatency(report: BenchReport): Promise<void> {
  for (const rate of [10, 200, 1_000]) {
    const { returned, sent } = await measure(rate);
    const goals = rate === 1_000 ? ["< 3", "< 15"] : [];
    report.add(`commit to stream at ${rate} events/s, p50`, quantile(returned, 0.5), "ms", goals[0]);
    report.add(`commit to stream at ${rate} events/s, p99`, quantile(returned, 0.99), "ms", goals[1]);
    report.add(`from before COMMIT at ${rate} events/s, p50`, quantile(sent, 0.5), "ms");
    report.add(`from before COMMIT at ${rate} events/s, p99`, quantile(sent, 0.99), "ms");
  }
}

interface Latencies {
  /** From the return of COMMIT, in milliseconds; 0 when the reader was faster. */
  readonly returned: readonly number[];
  /** From just before it is sent. */
  readonly sent: readonly number[];
}

async function measure(rate: number): Promise<Latencies> {
  await using servers = await benchServers(20);
  await clearAll(servers);
  const environment = { DATABASE_URL: Deno.env.get("DATABASE_URL")!, REDIS_URL: Deno.env.get("REDIS_URL")! };
  const stream = defineStreamName(`stream:bench-${rate}:events`);
  const reader = connectRedis(environment.REDIS_URL, { clientName: "bench reader" });
  const publisher = await startDaemon("publisher", { environment });
  const committing = new Map<string, number>();
  const committed = new Map<string, number>();
  const seen = new Map<string, number>();
  const total = rate * SECONDS;
  const reading = (async () => {
    let after = "0-0";
    while (seen.size < total) {
      const reply = await reader.call("XREAD", "BLOCK", 5_000, "STREAMS", stream, after) as
        | [string, [string, string[]][]][]
        | null;
      const now = performance.now();
      for (const [id, fields] of reply?.[0]?.[1] ?? []) {
        after = id;
        seen.set(fields[fields.indexOf("event_id") + 1]!, now);
      }
    }
  })();
  try {
    await sleep(1_500); // The publisher's own start is not what is measured.
    const sending: Promise<void>[] = [];
    const begun = performance.now();
    for (let i = 0; i < total; i++) {
      sending.push((async () => {
        const eventId = await servers.sql.begin(async (tx) => {
          const event = WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" });
          const eventId = await sendEvent(tx, { stream, event });
          committing.set(eventId, performance.now());
          return eventId;
        });
        committed.set(eventId, performance.now());
      })());
      await sleep(begun + (i + 1) * 1_000 / rate - performance.now());
    }
    await Promise.all(sending);
    await reading;
  } finally {
    publisher.kill("SIGTERM");
    await Promise.all([publisher.ended, reader.close()]);
  }
  // The first second warms up the processes.
  const measured = [...seen].slice(rate);
  return {
    returned: measured.map(([id, at]) => Math.max(0, at - committed.get(id)!)),
    sent: measured.map(([id, at]) => at - committing.get(id)!),
  };
}
