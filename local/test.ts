/**
 * The program of `deno task test` and `deno task test:faults`: `deno test` with a PostgreSQL and a Redis.
 *
 * @module
 */
import { resolve } from "node:path";
import { runWithServers } from "./with_servers.ts";

const USAGE = `Runs deno test with a PostgreSQL and a Redis.

Usage: deno task test [--help] [ARGUMENTS OF deno test]
       deno task test:faults [--help] [ARGUMENTS OF deno test]

Without files or folders among the arguments, all of them.

The tests find the servers in DATABASE_URL and REDIS_URL. The database is a fresh one and is
dropped afterwards, also when DATABASE_URL was set: then only its server is used. Servers are
found as deno task up finds them. DENO_JOBS is how many files run at once (default: the cores and
one; the cores for test:faults). test:faults runs the long fault tests, the files
*_faults_test.ts; deno task test leaves them out unless they are named.
`;

const ROOT = resolve(import.meta.dirname!, "..");

async function* faultTests(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && !name.startsWith(".") && name !== "node_modules") yield* faultTests(`${folder}/${name}`);
    else if (name.endsWith("_faults_test.ts")) yield `${folder}/${name}`;
  }
}

async function main(args: readonly string[]): Promise<number> {
  if (args.some((arg) => arg === "--help" || arg === "-h")) {
    console.log(USAGE);
    return 0;
  }
  const long = (await Array.fromAsync(faultTests(ROOT))).sort();
  const [first, ...rest] = args;
  const cores = navigator.hardwareConcurrency;
  const jobs = (count: number) => ({ DENO_JOBS: Deno.env.get("DENO_JOBS") ?? String(count) });
  const common = ["test", "--allow-all", "--parallel"];
  const all = args.every((arg) => arg.startsWith("-"));
  if (first === "--faults") return await runWithServers([...common, ...rest, ...all ? long : []], jobs(cores));
  const ignored = all && long.length > 0 ? [`--ignore=${long.join(",")}`] : [];
  // Tests mostly wait for servers and processes.
  return await runWithServers([...common, "--doc", ...ignored, ...args], jobs(cores + 1));
}

if (import.meta.main) Deno.exit(await main(Deno.args));
