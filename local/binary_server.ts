import type { Account } from "./account.ts";
import { childProcesses, isAlive } from "./child_processes.ts";
import { freePort } from "./free_port.ts";
import { logTail, spawnGuarded } from "./guarded_process.ts";
import { type OwnedServer, ServerError } from "./server.ts";
import type { Watchdog } from "./watchdog.ts";

const START_MS = 60_000;
const STOP_MS = 20_000;
const PORT_MS = 10_000;
const POLL_MS = 20;

/** What differs between the servers. */
export interface Recipe {
  /** Name in messages. */
  readonly name: string;
  /** Account to run as; `undefined` for this program's own. */
  readonly account: Account | undefined;
  /** Asks for an orderly stop. */
  readonly stopSignal: Deno.Signal;
  /** How long it may take to answer, in milliseconds. @default 60000 */
  readonly startMs?: number;
  /** Program and arguments. */
  readonly command: (port: number) => readonly [string, ...string[]];
  /** Where clients connect. */
  readonly url: (port: number) => string;
  /** Resolves if the server answers, and rejects if not. */
  readonly ask: (url: string, signal?: AbortSignal) => Promise<void>;
}

interface Run {
  readonly child: Deno.ChildProcess;
  readonly log: string;
  /** Resolves when the main process has ended and the watchdog knows. */
  readonly ended: Promise<void>;
}

class PortTakenError extends ServerError {}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

class BinaryServer implements OwnedServer {
  readonly origin = "binary";
  readonly url: string;
  readonly #recipe: Recipe;
  readonly #watchdog: Watchdog;
  readonly #port: number;
  #run: Run | undefined;
  #runs = 0;
  #pid = 0;
  /** Resolves when the processes that were sent `SIGKILL` are gone. */
  #killed: Promise<void> = Promise.resolve();

  constructor(recipe: Recipe, watchdog: Watchdog, port: number) {
    this.#recipe = recipe;
    this.#watchdog = watchdog;
    this.#port = port;
    this.url = recipe.url(port);
  }

  get folder(): string {
    return this.#watchdog.folder;
  }

  get pid(): number {
    return this.#pid;
  }

  kill(signal: Deno.Signal): void {
    if (!this.#run) {
      throw new ServerError(`Cannot send ${signal} to ${this.#recipe.name}: it is not running`);
    }
    if (signal === "SIGSTOP" || signal === "SIGKILL" || signal === "SIGCONT") {
      this.#signalAll(signal);
    } else {
      this.#signalTo([this.#pid], signal);
    }
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async crash(): Promise<void> {
    if (this.#run) this.#signalAll("SIGKILL");
    await this.#killed;
  }

  async stop(): Promise<void> {
    const run = this.#run;
    if (run) {
      this.#signalAll("SIGCONT"); // A stopped process would not hear the next signal
      this.#signalTo([this.#pid], this.#recipe.stopSignal);
      const timer = setTimeout(() => this.#signalAll("SIGKILL"), STOP_MS);
      await run.ended.finally(() => clearTimeout(timer));
    }
    await this.#killed;
  }

  async start(): Promise<void> {
    await this.#killed;
    const deadline = Date.now() + PORT_MS;
    while (true) {
      try {
        return await this.launch();
      } catch (error) {
        if (!(error instanceof PortTakenError) || Date.now() > deadline) throw error;
        await sleep(100);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } finally {
      await this.#watchdog.end();
    }
  }

  /** Starts it once, and waits until it answers. */
  async launch(signal?: AbortSignal): Promise<void> {
    const { name, account, command } = this.#recipe;
    if (this.#run) throw new ServerError(`Cannot start ${name}: it runs with pid ${this.#pid}`);
    const log = `${this.#watchdog.folder}/log.${++this.#runs}`;
    const child = await spawnGuarded(this.#watchdog, command(this.#port), { log, account });
    const ended = child.status.then(async () => {
      this.#run = undefined;
      await this.#watchdog.release();
    });
    ended.catch(() => {}); // Whoever waits for it is told
    this.#pid = child.pid;
    this.#run = { child, log, ended };
    try {
      await this.#answers(log, signal);
    } catch (error) {
      await this.crash();
      throw error;
    }
  }

  async #answers(log: string, signal?: AbortSignal): Promise<void> {
    const { name, ask, startMs = START_MS } = this.#recipe;
    const deadline = Date.now() + startMs;
    while (true) {
      let fault: unknown;
      try {
        signal?.throwIfAborted();
        await ask(this.url, signal);
        if (this.#run) return;
      } catch (error) {
        fault = error;
      }
      signal?.throwIfAborted();
      if (!this.#run) {
        const tail = await logTail(log);
        const message = `Cannot start ${name} on port ${this.#port}: it ended by itself\n${tail}`;
        throw new (/address already in use/i.test(tail) ? PortTakenError : ServerError)(message);
      }
      if (Date.now() > deadline) {
        const tail = await logTail(log);
        throw new ServerError(
          `Cannot start ${name} on port ${this.#port}: no answer in ${startMs} ms\n${tail}`,
          { cause: fault },
        );
      }
      await sleep(POLL_MS);
    }
  }

  /** Signals the main process and its children. */
  #signalAll(signal: Deno.Signal): void {
    if (signal !== "SIGCONT") this.#signalTo([this.#pid], "SIGSTOP"); // It cannot fork any more
    const children = childProcesses(this.#pid);
    // The watchdog has to wake or end stopped children; its being gone shows elsewhere
    this.#watchdog.guard(this.#pid, children).catch(() => {});
    this.#signalTo([...children, this.#pid], signal);
    if (signal === "SIGKILL") this.#killed = this.#gone(this.#run?.ended, children);
  }

  async #gone(ended: Promise<void> | undefined, children: readonly number[]): Promise<void> {
    await ended?.catch(() => {}); // The watchdog's being gone shows elsewhere
    while (children.some(isAlive)) await sleep(POLL_MS);
  }

  #signalTo(pids: readonly number[], signal: Deno.Signal): void {
    for (const pid of pids) {
      try {
        Deno.kill(pid, signal);
      } catch (error) {
        // It ended by itself: ESRCH
        if (!(error instanceof Deno.errors.NotFound) && !`${error}`.includes("os error 3")) {
          throw error;
        }
      }
    }
  }
}

/**
 * Starts a server on a free port, trying another port when somebody was faster.
 *
 * @throws {ServerError} if it ends by itself or does not answer, with the end of its log
 */
export async function startBinaryServer(
  recipe: Recipe,
  watchdog: Watchdog,
  signal?: AbortSignal,
): Promise<OwnedServer> {
  for (let tries = 1;; tries++) {
    const server = new BinaryServer(recipe, watchdog, freePort());
    try {
      await server.launch(signal);
      return server;
    } catch (error) {
      if (!(error instanceof PortTakenError) || tries === 10) throw error;
    }
  }
}
