import type { Health } from "@events-pipeline/common/health";
import type { Logger } from "@events-pipeline/common/logger";
import { type MetricSnapshot, type PrometheusMetrics, renderSnapshots } from "@events-pipeline/common/prometheus";
import { backoffMs, sleep } from "@events-pipeline/common/retry";
import { ConsumerProcess } from "./consumer_process.ts";
import { OrphanGuard } from "./orphan_guard.ts";
import type { ProgramCall } from "./own_program.ts";
import { REPORT_MS } from "./supervision.ts";

/** What a supervisor works with. */
export interface SupervisorOptions {
  /** Says how the process of a consumer is started. */
  readonly call: (consumer: string) => ProgramCall;
  /** Where ends and restarts are told. */
  readonly logger: Logger;
  /** Told what is wrong with each consumer. */
  readonly health: Health;
  /** What the supervisor measures itself. */
  readonly metrics: PrometheusMetrics;
  /** Have the processes take no more work, and end. */
  readonly stop: AbortSignal;
  /** Have them give up what is in hand, too. */
  readonly cancel: AbortSignal;
  /** How long they may take to end when they are to stop, in milliseconds. */
  readonly stopMs: number;
  /** Whether they end by themselves when they are done, and are not started again. */
  readonly once: boolean;
}

/** How long until a process is started again. */
const RESTART = { baseMs: 500, maxMs: 30_000 };

/** A process that has lived so long, in milliseconds, has not failed again, but anew. */
const STEADY_MS = 60_000;

/** A process that has said nothing for so long, in milliseconds, is busy in a loop, or stopped. */
const SILENT_MS = 5 * REPORT_MS;

/** How long a process may take to end when it was told to give up what it has in hand, in milliseconds. */
const KILL_MS = 2_000;

/**
 * The supervisor: runs each consumer in a process of its own, and starts one that has ended again. What a handler does to its process
 * (a crash, a loop without end, all of the memory) befalls its own consumer alone.
 */
export class Supervisor {
  readonly #names: readonly string[];
  readonly #options: SupervisorOptions;
  readonly #processes = new Map<string, ConsumerProcess>();
  readonly #up;
  readonly #restarts;

  /** @param names the consumers */
  constructor(names: readonly string[], options: SupervisorOptions) {
    this.#names = names;
    this.#options = options;
    const labels = ["consumer"];
    this.#up = options.metrics.gauge({
      name: "events_consumer_process_up",
      help: "1 while the consumer's own process runs, else 0",
      labels,
    });
    this.#restarts = options.metrics.counter({
      name: "events_consumer_process_restarts_total",
      help: "How often the consumer's own process ended and was started again",
      labels,
    });
  }

  /** The figures of all processes and the supervisor's own, in the text format of Prometheus. One that is busy in a loop is left out. */
  async renderMetrics(): Promise<string> {
    const theirs = [...this.#processes.values()].map((process) => process.measure());
    const snapshots: (readonly MetricSnapshot[])[] = await Promise.all(theirs);
    return await renderSnapshots([await this.#options.metrics.snapshot(), ...snapshots]);
  }

  /**
   * Runs them until the signal fires, or, with `once`, until they are done.
   *
   * @throws {Error} a process did not end as it should: with `once` it failed, or it had to give up what it had in hand
   */
  async run(): Promise<void> {
    const { stopMs, logger } = this.#options;
    await using guard = new OrphanGuard(stopMs + KILL_MS, logger);
    const ends = await Promise.allSettled(this.#names.map((name) => this.#keep(name, guard)));
    const failed = ends.flatMap((end) => end.status === "rejected" ? [end.reason] : []);
    if (failed.length > 0) {
      throw new AggregateError(failed, `Cannot go on with ${failed.length} of ${this.#names.length} consumers`);
    }
  }

  /** Keeps one consumer running. */
  async #keep(name: string, guard: OrphanGuard): Promise<void> {
    const { call, logger, health, stop, once } = this.#options;
    const part = `consumer:${name}`;
    for (let failures = 0; !stop.aborted;) {
      const begun = performance.now();
      const process = new ConsumerProcess(call(name));
      this.#processes.set(name, process);
      this.#tell(guard);
      this.#up.set(1, { consumer: name });
      health.watch(part, () => faultOf(name, process));
      const stopped = Promise.withResolvers<undefined>();
      const onStop = (): void => stopped.resolve(undefined);
      stop.addEventListener("abort", onStop);
      const end = await Promise.race([process.ended, stopped.promise]) ?? await this.#bringDown(name, process);
      stop.removeEventListener("abort", onStop);
      this.#processes.delete(name);
      this.#tell(guard);
      this.#up.set(0, { consumer: name });
      health.forget(part);
      if (stop.aborted || once) {
        if (end.code === 0) return;
        throw new Error(`Cannot finish '${name}': its process ended with ${end.cause}`);
      }
      failures = performance.now() - begun > STEADY_MS ? 1 : failures + 1;
      const waitMs = backoffMs(failures, RESTART);
      logger.error("A consumer's process has ended: starting it again", {
        consumer: name,
        end: end.cause,
        retryInMs: waitMs,
      });
      health.fail(part, `Its process has ended with ${end.cause}`);
      this.#restarts.add(1, { consumer: name });
      await sleep(waitMs, stop);
      health.recover(part);
    }
  }

  #tell(guard: OrphanGuard): void {
    guard.guard([...this.#processes.values()].flatMap(({ pid }) => pid === undefined ? [] : [pid]));
  }

  /** Ends a process: lets it finish what it has in hand, then has it give that up, then kills it. */
  async #bringDown(name: string, process: ConsumerProcess): Promise<Awaited<ConsumerProcess["ended"]>> {
    const { cancel, stopMs, logger } = this.#options;
    const within = async (ms: number, signal?: AbortSignal): Promise<boolean> => {
      const over = new AbortController();
      const either = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal]);
      const ended = process.ended.then(() => true);
      try {
        return await Promise.race([ended, sleep(ms, either).then(() => false)]);
      } finally {
        over.abort();
      }
    };
    process.order("stop");
    if (await within(stopMs, cancel)) return await process.ended;
    logger.warn("Cancelling what a consumer has in hand", { consumer: name });
    process.order("cancel");
    if (await within(KILL_MS)) return await process.ended;
    logger.warn("Killing a consumer's process that does not end", { consumer: name });
    process.kill();
    return await process.ended;
  }
}

/** What is wrong with a consumer whose process runs. */
function faultOf(name: string, process: ConsumerProcess): string | undefined {
  const { faults, silentMs } = process;
  if (silentMs > SILENT_MS) {
    return `Its process has said nothing for ${Math.round(silentMs / 1_000)} s: it is busy in a loop, or stopped`;
  }
  if (faults === undefined) return "Its process is starting";
  const texts = faults.map(([part, reason]) => part === `consumer:${name}` ? reason : `${part}: ${reason}`);
  return texts.length === 0 ? undefined : texts.join("; ");
}
