/**
 * `deno task bench archiver [--events 300000] [--only file,s3,memory]`: how fast a backlog is archived to a folder and to an S3 server,
 * beside a bare pipe, and how much memory a backlog of large events takes.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { BenchReport } from "../local/bench_report.ts";
import { benchMemory, benchThroughput } from "./bench/throughput.ts";

const flags = parseArgs(Deno.args, { string: ["events", "only"], boolean: ["help"] });
if (flags.help) {
  console.log("deno task bench archiver [--events 300000] [--only file,s3,memory]");
  Deno.exit(0);
}
const only = new Set(flags.only?.split(",") ?? ["file", "s3", "memory"]);
const report = new BenchReport("archiver");
if (only.has("file") || only.has("s3")) await benchThroughput(report, Number(flags.events ?? "300000"), only);
if (only.has("memory")) await benchMemory(report);
report.end();
