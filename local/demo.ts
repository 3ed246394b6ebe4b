/**
 * The program of `deno task demo`: the tutorial on real servers and daemons, and a table of what came out.
 *
 * @module
 */
import { type Fault, reportText } from "@events-pipeline/checker";
import { readCommand } from "@events-pipeline/common/command";
import { createDatabase } from "./database.ts";
import { type DemoResult, runDemo } from "./demo_run.ts";
import { startStack } from "./stack.ts";

const command = readCommand(
  {
    call: "deno task demo",
    summary:
      "Runs the tutorial on real servers: creates widgets, publishes, handles and archives their events, and checks all.",
    flags: {
      count: {
        kind: "text",
        value: "N",
        help: "how many widgets to create (default: 1000); one in ten is rolled back",
      },
      keep: { kind: "boolean", help: "leave servers and daemons running until Ctrl-C" },
    },
    settings: {},
  },
  Deno.args,
  () => undefined,
);
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const count = Number(command.flags.count ?? "1000");
if (!Number.isSafeInteger(count) || count < 1) {
  console.error("deno task demo: cannot start:\n  --count must be a whole number above 0\nSee deno task demo --help");
  Deno.exit(2);
}
Deno.exit(await main(count, command.flags.keep));

async function main(count: number, keep: boolean): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  const live = Deno.stderr.isTerminal();
  const encoder = new TextEncoder();
  try {
    await using stack = await startStack({
      environment: { DATABASE_URL: Deno.env.get("DATABASE_URL"), REDIS_URL: Deno.env.get("REDIS_URL") },
      say: console.error,
      signal: stop.signal,
    });
    await using cleanUp = new AsyncDisposableStack();
    const database = await createDatabase(stack.databaseUrl);
    cleanUp.defer(() => database.drop());
    const archiveFolder = await Deno.makeTempDir({ prefix: "events-archive-" });
    cleanUp.defer(() => Deno.remove(archiveFolder, { recursive: true }));
    let finished = false;
    const result = await runDemo({
      databaseUrl: database.url,
      redisUrl: stack.redisUrl,
      archiveFolder,
      count,
      signal: stop.signal,
      onProgress: (line) => {
        if (live) Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${line}`));
        else if (line.includes("failed")) console.error(line);
      },
      async onResult(result) {
        if (live) console.error();
        if (stop.signal.aborted) return;
        finished = true;
        console.log(report(result));
        if (!keep) return;
        console.log(
          `\nexport DATABASE_URL=${database.url}\nexport REDIS_URL=${stack.redisUrl}\nArchive: ${archiveFolder}`,
        );
        console.log("Servers and daemons keep running until Ctrl-C.");
        await new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
      },
    });
    if (stop.signal.aborted && !finished) return 130;
    return result.report.right ? 0 : 1;
  } catch (error) {
    if (stop.signal.aborted) return 130;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(name, onSignal);
  }
}

function report(result: DemoResult): string {
  const stages = result.report.streams.flatMap((stream) => stream.stages);
  const of = (name: string): number => stages.find((stage) => stage.stage === name)?.events ?? 0;
  const found = (...faults: readonly Fault[]): number =>
    stages.reduce((sum, stage) => faults.reduce((sum, fault) => sum + stage[fault], sum), 0);
  const rows: [string, string | number][] = [
    ["transactions committed", result.committed],
    ["transactions rolled back", result.rolledBack],
    ["events in the outbox", of("outbox")],
    ["events in the stream", of("stream")],
    ["events handled", of("handled")],
    ["events archived", of("archive")],
    ["lost", found("lost", "missing")],
    ["duplicated", found("duplicated")],
    ["out of order", found("outOfOrder")],
    ["altered or damaged", found("altered", "damaged")],
    ["of rolled-back transactions", found("unexpected")],
    ["commit to handler, p50", `${result.latency.p50.toFixed(1)} ms`],
    ["commit to handler, p99", `${result.latency.p99.toFixed(1)} ms`],
  ];
  const table = rows.map(([what, value]) => `  ${what.padEnd(28)}${String(value).padStart(10)}`);
  const wrong = result.report.right ? [] : ["", reportText(result.report)];
  return [...table, ...wrong, "", "One archived line:", result.archivedLine].join("\n");
}
