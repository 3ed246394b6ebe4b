/**
 * The program of `deno task bench NAME`: runs `NAME_bench.ts` with a PostgreSQL and a Redis.
 *
 * @module
 */
import { resolve } from "node:path";
import { runWithServers } from "./with_servers.ts";

const ROOT = resolve(import.meta.dirname!, "..");

async function* benchmarks(): AsyncGenerator<readonly [name: string, file: string]> {
  for await (const folder of Deno.readDir(ROOT)) {
    if (!folder.isDirectory || folder.name.startsWith(".")) continue;
    for await (const { name } of Deno.readDir(`${ROOT}/${folder.name}`)) {
      if (name.endsWith("_bench.ts")) yield [name.slice(0, -"_bench.ts".length), `${ROOT}/${folder.name}/${name}`];
    }
  }
}

const [name, ...args] = Deno.args;
const known = new Map(await Array.fromAsync(benchmarks()));
const file = known.get(name ?? "");
if (file === undefined) {
  const text = `Runs a benchmark with a PostgreSQL and a Redis, and prints a table and a line of JSON.

Usage: deno task bench NAME [ARGUMENTS OF the benchmark]

Benchmarks: ${[...known.keys()].sort().join(", ")}`;
  const help = name === "--help" || name === "-h";
  (help ? console.log : console.error)(
    help ? text : `${name === undefined ? "It needs a NAME" : `There is no benchmark '${name}'`}\n\n${text}`,
  );
  Deno.exit(help ? 0 : 2);
}

Deno.exit(await runWithServers(["run", "--allow-all", file, ...args]));
