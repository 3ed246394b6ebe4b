import type { MetricSnapshot } from "@events-pipeline/common/prometheus";
import { type ChildProcess, spawn } from "node:child_process";
import type { ProgramCall } from "./own_program.ts";
import type { Order, Report } from "./supervision.ts";

/** How a process has ended. */
export interface ProcessEnd {
  /** Its exit code; `null` when it was ended by a signal, or never began. */
  readonly code: number | null;
  /** What ended it, in words: `exit code 1`, `signal SIGKILL`. */
  readonly cause: string;
}

/** How long a process may take to tell its figures, in milliseconds. */
const MEASURE_MS = 2_000;

/**
 * A process that runs one consumer, as its supervisor sees it. It writes to the supervisor's own standard output and error. It is no
 * part of the supervisor's process group: Ctrl-C in a terminal is for the supervisor, who passes it on once.
 */
export class ConsumerProcess {
  /** Resolves when it has ended. */
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  #faults: Extract<Report, { kind: "health" }>["faults"] | undefined;
  #heardAt = performance.now();
  #measured: PromiseWithResolvers<readonly MetricSnapshot[]> | undefined;

  /** Starts it. */
  constructor({ program, args, environment }: ProgramCall) {
    this.#child = spawn(program, [...args], {
      detached: true,
      env: { ...Deno.env.toObject(), ...environment },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.ended = new Promise((resolve) => {
      this.#child.on("error", (error) => resolve({ code: null, cause: error.message }));
      this.#child.on("exit", (code, signal) => {
        resolve({ code, cause: signal === null ? `exit code ${code}` : `signal ${signal}` });
      });
    });
    this.#child.on("message", (report: Report) => this.#hear(report));
  }

  /** Its id; `undefined` when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** What it has said last that is wrong, by part; `undefined` before it has said anything. */
  get faults(): readonly (readonly [part: string, reason: string])[] | undefined {
    return this.#faults;
  }

  /** For how long it has said nothing, in milliseconds. */
  get silentMs(): number {
    return performance.now() - this.#heardAt;
  }

  /** Asks something of it. */
  order(order: Order): void {
    if (this.#child.connected) this.#child.send(order, () => {}); // That it is gone shows in its end.
  }

  /** Ends it, whatever it is doing. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Its figures; none when it does not tell them in time. */
  async measure(): Promise<readonly MetricSnapshot[]> {
    if (this.#measured === undefined) {
      // Asked once: one that does not answer shall not find a heap of questions.
      this.#measured = Promise.withResolvers();
      this.order("measure");
    }
    const { promise, resolve } = Promise.withResolvers<readonly MetricSnapshot[]>();
    const timer = setTimeout(() => resolve([]), MEASURE_MS);
    try {
      return await Promise.race([this.#measured.promise, promise, this.ended.then(() => [])]);
    } finally {
      clearTimeout(timer);
    }
  }

  #hear(report: Report): void {
    this.#heardAt = performance.now();
    if (report.kind === "health") {
      this.#faults = report.faults;
      return;
    }
    this.#measured?.resolve(report.metrics);
    this.#measured = undefined;
  }
}
