/**
 * The program of `deno task up`: PostgreSQL and Redis in the foreground.
 *
 * @module
 */
import { parseArgs } from "@std/cli";
import { startStack } from "./stack.ts";

const USAGE = `Starts PostgreSQL and Redis for trying things out, until Ctrl-C or SIGTERM.

Usage: deno task up [--help]

Prints two lines for the shell on standard output, everything else on standard error:
  export DATABASE_URL=…
  export REDIS_URL=…

For each server, the first of these that applies:
  1. the one DATABASE_URL or REDIS_URL names, if set
  2. binaries on this machine, on a free loopback port with a temporary data folder
  3. a Docker engine with the compose plugin
  4. installed with apt-get, for root on Debian or Ubuntu
`;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** What Ctrl-C does: servers that were there before stay as they are. */
function atTheEnd(databaseUrl: string | undefined, redisUrl: string | undefined): string {
  const started = [...(databaseUrl ? [] : ["PostgreSQL"]), ...(redisUrl ? [] : ["Redis"])];
  if (started.length === 2) return "Ctrl-C stops them and removes their data";
  if (started.length === 1) return `Ctrl-C stops ${started[0]} and removes its data, and leaves the other as it is`;
  return "they were before, and Ctrl-C leaves them as they are";
}

async function main(args: string[]): Promise<number> {
  const unknown: string[] = [];
  const { help } = parseArgs(args, {
    boolean: ["help"],
    alias: { help: "h" },
    unknown: (arg) => {
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) {
    console.error(`Unknown argument ${unknown.join(" ")}\n\n${USAGE}`);
    return 2;
  }
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const [DATABASE_URL, REDIS_URL] = [Deno.env.get("DATABASE_URL"), Deno.env.get("REDIS_URL")];
  const stopping = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, () => {
      if (stopping.signal.aborted) Deno.exit(130); // In a hurry: the watchdogs clean up
      console.error("Stopping");
      stopping.abort();
    });
  }
  try {
    await using stack = await startStack({
      environment: { DATABASE_URL, REDIS_URL },
      say: console.error,
      signal: stopping.signal,
    });
    console.log(`export DATABASE_URL=${stack.databaseUrl}\nexport REDIS_URL=${stack.redisUrl}`);
    console.error(`PostgreSQL and Redis are up; ${atTheEnd(DATABASE_URL, REDIS_URL)}`);
    await aborted(stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) return 0;
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
