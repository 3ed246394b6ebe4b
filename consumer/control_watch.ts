import { describeError, type Logger } from "@events-pipeline/common/logger";
import { sleep } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import { AnswerTimes } from "./answer_times.ts";
import { type ConsumerControl, type ConsumerKey, readControls } from "./consumer_state.ts";

/** How often people's wishes are looked at, in milliseconds: they take effect within a second. */
const LOOK_MS = 500;

/** What is known of a consumer before the first look. */
const UNKNOWN = { paused: false, fencingToken: undefined, redrives: false, checkpoint: undefined };

/**
 * Looks twice a second, with one statement for all consumers of a process, whether somebody has paused one, put its checkpoint back,
 * taken its lease, or asked for dead letters to be handled again.
 */
export class ControlWatch {
  readonly #sql: Sql;
  readonly #keys: readonly ConsumerKey[];
  readonly #logger: Logger;
  readonly #controls = new Map<string, ConsumerControl>();
  readonly #times = new AnswerTimes("PostgreSQL");
  readonly #callbacks = new Set<() => void>();

  constructor(sql: Sql, keys: readonly ConsumerKey[], logger: Logger) {
    this.#sql = sql;
    this.#keys = keys;
    this.#logger = logger;
  }

  /** Looks, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look().catch((error) =>
        this.#logger.debug("Cannot look who is paused", { error: describeError(error) })
      );
      await sleep(LOOK_MS, signal);
    }
  }

  /** Looks now. */
  async look(): Promise<void> {
    let changed = false;
    for (const control of await this.#times.track(0, () => readControls(this.#sql, this.#keys))) {
      const before = this.#controls.get(control.consumer);
      this.#controls.set(control.consumer, control);
      changed ||= before?.paused !== control.paused || before.fencingToken !== control.fencingToken || control.redrives;
    }
    if (changed) { for (const callback of [...this.#callbacks]) callback(); }
  }

  /** What is wrong with the database, in words; `undefined` when nothing is. */
  get fault(): string | undefined {
    return this.#times.fault;
  }

  /** What is known of a consumer. */
  of(consumer: string): Omit<ConsumerControl, keyof ConsumerKey> {
    return this.#controls.get(consumer) ?? UNKNOWN;
  }

  /** Calls back when something has changed, for whichever consumer. @returns ends that */
  onChange(callback: () => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }
}
