/**
 * `deno task bench publisher [--rows 10000,200000] [--only drain,writers,latency,idle,steady] [--minutes 10]`: how fast the publisher
 * drains, what it costs the writers, how soon an event is in its stream, what it does when there is nothing to do, and (only when
 * asked for, it takes twice the minutes) how the outbox fares under a steady load.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { BenchReport } from "../local/bench_report.ts";
import { benchDrain } from "./bench/drain.ts";
import { benchIdle } from "./bench/idle.ts";
import { benchLatency } from "./bench/latency.ts";
import { benchSteadyLoad } from "./bench/steady_load.ts";
import { benchWriters } from "./bench/writers.ts";

const flags = parseArgs(Deno.args, { string: ["rows", "only", "minutes"], boolean: ["help"] });
if (flags.help) {
  console.log(
    "deno task bench publisher [--rows 10000,200000,2000000] [--only drain,writers,latency,idle,steady] [--minutes 10]",
  );
  Deno.exit(0);
}
const only = new Set(flags.only?.split(",") ?? ["drain", "writers", "latency", "idle"]);
const report = new BenchReport("publisher");
if (only.has("drain")) await benchDrain(report, (flags.rows ?? "10000,200000,2000000").split(",").map(Number));
if (only.has("writers")) await benchWriters(report);
if (only.has("latency")) await benchLatency(report);
if (only.has("idle")) await benchIdle(report);
if (only.has("steady")) await benchSteadyLoad(report, Number(flags.minutes ?? "10"));
report.end();
