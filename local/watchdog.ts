import { ServerError } from "./server.ts";
import type { Account } from "./account.ts";

/**
 * The watchdog, for `sh`. Arguments: folder prefix, owner ("" or uid:gid), signal, clean-up command.
 *
 * It makes a temporary folder and prints its name. Then each line on standard input lists the
 * processes to end (the first is a process group, by its negative id), or is empty when none
 * runs. The end of the input means that the parent is done, or dead.
 */
const SCRIPT = `
trap '' INT TERM HUP QUIT
prefix=$1 owner=$2 signal=$3
shift 3
# Another account cannot enter a private TMPDIR of root's
base=\${TMPDIR:-/tmp}
if [ -n "$owner" ]; then base=/tmp; fi
folder=$(mktemp -d "\${base%/}/$prefix.XXXXXXXX") || exit 1
if [ -n "$owner" ]; then chown "$owner" "$folder" || exit 1; fi
printf '%s' "$folder"
exec >/dev/null
pids=
while read -r line; do pids=$line; done
if [ -n "$pids" ]; then
  main=\${pids%% *}
  kill -s CONT -- $pids
  kill -s "$signal" -- "$main"
  tries=0
  while kill -s 0 -- "$main" && [ $tries -lt 50 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -s KILL -- $pids
fi
if [ $# -gt 0 ]; then "$@"; fi
tries=0
until rm -rf "$folder" || [ $tries -ge 50 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
`;

/** What a watchdog guards, and how. */
export interface WatchdogOptions {
  /** Account that owns the folder. @default this program's own */
  readonly account?: Account | undefined;
  /** Signal that asks the process it guards to stop. @default "TERM" */
  readonly signal?: "INT" | "TERM";
  /** Program and arguments to run before the folder is removed. @default none */
  readonly cleanUp?: readonly string[];
}

/**
 * A process that outlives this one, however this one ends, to stop what was started and to
 * remove its folder.
 */
export class Watchdog {
  /** Temporary folder, removed with everything in it by {@linkcode Watchdog.end}. */
  readonly folder: string;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  private constructor(folder: string, child: Deno.ChildProcess) {
    this.folder = folder;
    this.#child = child;
    this.#input = child.stdin.getWriter();
  }

  /** Starts a watchdog with a fresh folder; `name` begins the name of the folder. */
  static async start(name: string, options: WatchdogOptions = {}): Promise<Watchdog> {
    const { account, signal = "TERM", cleanUp = [] } = options;
    const owner = account ? `${account.uid}:${account.gid}` : "";
    const child = new Deno.Command("sh", {
      args: ["-c", SCRIPT, "watchdog", `ep_${name}`, owner, signal, ...cleanUp],
      cwd: "/",
      detached: true, // Ctrl-C in the terminal is not for it
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const folder = await new Response(child.stdout).text();
    const watchdog = new Watchdog(folder, child);
    if (folder !== "") return watchdog;
    await watchdog.end();
    throw new ServerError("Cannot make a temporary folder: mktemp or chown failed");
  }

  /**
   * Names the processes to end when this program is gone: the leader of a process group, and
   * further ones outside that group.
   */
  async guard(leader: number, others: readonly number[] = []): Promise<void> {
    await this.#tell([-leader, ...others].join(" "));
  }

  /** Says that no process runs any more. */
  async release(): Promise<void> {
    await this.#tell("");
  }

  /** Ends what is still running, removes the folder, and waits until both are done. */
  async end(): Promise<void> {
    await this.#input.close().catch(() => {}); // Closed already, or the watchdog was killed
    await this.#child.status;
  }

  async #tell(line: string): Promise<void> {
    try {
      await this.#input.write(new TextEncoder().encode(`${line}\n`));
    } catch (cause) {
      throw new ServerError(`Cannot guard processes: the watchdog of ${this.folder} is gone`, {
        cause,
      });
    }
  }
}
