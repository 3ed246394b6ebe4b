/**
 * `deno task bench consumer [--only throughput,many,latency]`: how fast a consumer works off a stream, what 50 of them take, and how
 * soon an event is with its handler.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { BenchReport } from "../local/bench_report.ts";
import { benchLatency } from "./bench/latency.ts";
import { benchMany, benchThroughput } from "./bench/throughput.ts";

const flags = parseArgs(Deno.args, { string: ["only"], boolean: ["help"] });
if (flags.help) {
  console.log("deno task bench consumer [--only throughput,many,latency]");
  Deno.exit(0);
}
const only = new Set(flags.only?.split(",") ?? ["throughput", "many", "latency"]);
const report = new BenchReport("consumer");
if (only.has("throughput")) await benchThroughput(report);
if (only.has("many")) await benchMany(report);
if (only.has("latency")) await benchLatency(report);
report.end();
