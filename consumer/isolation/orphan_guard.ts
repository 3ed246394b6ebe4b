import type { Logger } from "@events-pipeline/common/logger";
import { sleep } from "@events-pipeline/common/retry";

/** How long until a guard that has ended by itself is replaced, in milliseconds. */
const RESTART_MS = 1_000;

/** Sees to it that no process outlives this one for long, also when this one is killed with -9. */
export class OrphanGuard {
  readonly #graceMs: number;
  readonly #logger: Logger;
  readonly #over = new AbortController();
  readonly #keeping: Promise<void>;
  #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  #pids: readonly number[] = [];

  /**
   * Starts the guard: a process of its own.
   *
   * @param graceMs how long processes may take to end by themselves when this one is gone, in milliseconds
   * @param logger told when the guard itself ends
   */
  constructor(graceMs: number, logger: Logger) {
    this.#graceMs = graceMs;
    this.#logger = logger;
    this.#keeping = this.#keep();
  }

  /** Says which processes there are now. */
  guard(pids: readonly number[]): void {
    this.#pids = pids;
    this.#input?.write(new TextEncoder().encode(`${pids.join(" ")}\n`)).catch(() => {}); // It is gone: another one comes.
  }

  /** Ends it: no process is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    this.guard([]);
    await this.#input?.close().catch(() => {});
    await this.#keeping;
  }

  async #keep(): Promise<void> {
    while (!this.#over.signal.aborted) {
      // It knows them from its first moment on: this process may be killed before it has written a line.
      const child = start(this.#graceMs, this.#pids);
      this.#input = child.stdin.getWriter();
      await child.status;
      if (this.#over.signal.aborted) return;
      this.#logger.warn("The guard against orphans has ended: starting another", { retryInMs: RESTART_MS });
      await sleep(RESTART_MS, this.#over.signal);
    }
  }
}

function start(graceMs: number, pids: readonly number[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--allow-run"],
      ...[import.meta.resolve("./orphan_guard_main.ts"), String(graceMs), ...pids.map(String)],
    ],
    detached: true,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
}
