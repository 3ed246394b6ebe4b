/**
 * `deno task bench path [--events 20000]`: the whole way of a backlog, from the outbox through Redis to the handler's row, by a
 * publisher and a consumer that begin together.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { startBenchChild } from "../local/bench_child.ts";
import { BenchReport } from "../local/bench_report.ts";
import { benchServers, clearAll, fillOutbox } from "../local/bench_servers.ts";
import { BENCH_STREAM, createEffects } from "./bench/bench_consumers.ts";
import { caughtUp, checkEffects } from "./bench/caught_up.ts";

const flags = parseArgs(Deno.args, { string: ["events"], boolean: ["help"] });
if (flags.help) {
  console.log("deno task bench path [--events 20000]");
  Deno.exit(0);
}
const events = Number(flags.events ?? "20000");
const report = new BenchReport("path");
await using servers = await benchServers();
const { sql } = servers;
for (
  const [kind, what, rate, cpu] of [["ordinary", "ordinary handler", 5_000, 0.2], [
    "batch",
    "handleBatch",
    15_000,
    0.1,
  ]] as const
) {
  await clearAll(servers);
  await createEffects(sql);
  await fillOutbox(sql, BENCH_STREAM, events, 200);
  await using publisher = await startBenchChild("publisher/bench/pump_child.ts", "publisher", [
    "publisher",
    BENCH_STREAM,
  ]);
  await using consumer = await startBenchChild("consumer/bench/consume_child.ts", "consume", [kind, "1"]);
  const before = await servers.cpuSeconds();
  const begun = performance.now();
  await Promise.all([publisher.go(), consumer.go()]);
  await caughtUp(sql, 1, events);
  const seconds = (performance.now() - begun) / 1_000;
  const own = await publisher.cpuSeconds() + await consumer.cpuSeconds();
  const total = own + await servers.cpuSeconds() - before;
  report.add(`${events} events, ${what}`, events / seconds, "events/s", `>= ${rate}`);
  report.add(`${events} events, ${what}: CPU, all processes`, total / events * 1_000, "ms/event", `< ${cpu}`);
  report.add(`${events} events, ${what}: CPU of publisher and consumer`, own / events * 1_000, "ms/event");
  await Promise.all([publisher.stop(), consumer.stop()]);
  await checkEffects(sql, 1, events, true);
}
report.end();
