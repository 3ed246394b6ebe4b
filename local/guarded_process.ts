import type { Account } from "./account.ts";
import type { Watchdog } from "./watchdog.ts";

/**
 * For `sh`: waits for a line before it becomes the program, so that the watchdog knows of the
 * process before there is anything to clean up. Arguments: log file, program, its arguments.
 */
const GATE = 'read -r go || exit 1; log=$1; shift; exec "$@" </dev/null >>"$log" 2>&1';

/** How {@linkcode spawnGuarded} runs a program. */
export interface GuardedProcessOptions {
  /** File its output is added to. */
  readonly log: string;
  /** Account to run as. @default this program's own */
  readonly account?: Account | undefined;
  /** Variables added to its environment. @default none */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Starts a program as the leader of its own process group, out of reach of the terminal's
 * Ctrl-C and ended by the watchdog if this program dies.
 */
export async function spawnGuarded(
  watchdog: Watchdog,
  [program, ...args]: readonly [string, ...string[]],
  options: GuardedProcessOptions,
): Promise<Deno.ChildProcess> {
  const child = new Deno.Command("sh", {
    args: ["-c", GATE, "gate", options.log, program, ...args],
    cwd: watchdog.folder,
    // The texts of errors are searched, so they must be in English
    env: { ...options.environment, LC_ALL: "C" },
    ...options.account,
    detached: true,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const input = child.stdin.getWriter();
  try {
    await watchdog.guard(child.pid);
    await input.write(new TextEncoder().encode("go\n"));
  } finally {
    await input.close().catch(() => {}); // The program may have ended already
  }
  return child;
}

/** The last lines of a log, for the message of an error; empty if there is no such file. */
export async function logTail(log: string, lines = 20): Promise<string> {
  try {
    const text = await Deno.readTextFile(log);
    return text.trimEnd().split("\n").slice(-lines).join("\n");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
