/** What can be wrong with an event, or with an object of the archive. */
export const FAULTS = ["lost", "missing", "duplicated", "outOfOrder", "unexpected", "altered", "damaged"] as const;

/**
 * What can be wrong:
 *
 * - `lost`: the stage lacks an event that was sent.
 * - `missing`: the stage lacks a position, and the outbox no longer says which event it was.
 * - `duplicated`: the stage holds an event again. Each surplus one counts.
 * - `outOfOrder`: an event stands at the position of another one, or after an event that it should precede.
 * - `unexpected`: nobody has sent the event.
 * - `altered`: the event's type, time, metadata or payload, or the time in its entry id, is not what the outbox says.
 * - `damaged`: an object of the archive is not the segment that its key describes. Its events are not counted again as lost.
 */
export type Fault = typeof FAULTS[number];

/** One fault, so that somebody can look. */
export interface Example {
  /** What is wrong. */
  readonly fault: Fault;
  /** The event. */
  readonly eventId?: string | undefined;
  /** The entry. */
  readonly entryId?: string | undefined;
  /** The position, where there is no entry. */
  readonly position?: number | undefined;
  /** The key of the archive's object. */
  readonly object?: string | undefined;
  /** What there is to say beside it. */
  readonly detail?: string | undefined;
}

/** What one stage holds, and how much of it is wrong. */
export interface StageReport extends Readonly<Record<Fault, number>> {
  /** `outbox`, `stream`, `archive`, `handled`, or `version of <type>.<field>`. */
  readonly stage: string;
  /** The last position that was judged: what comes after it may be on its way. */
  readonly upTo: number;
  /** How many events it holds. */
  readonly events: number;
  /** The first faults of each kind. */
  readonly examples: readonly Example[];
}

/** Counts what is found in one stage. */
export class StageFindings {
  /** How many events the stage holds. */
  events = 0;
  readonly #stage: string;
  readonly #limit: number;
  readonly #counts = new Map<Fault, number>();
  readonly #examples: Example[] = [];

  /**
   * @param stage its name
   * @param examples how many faults of each kind are kept
   */
  constructor(stage: string, examples: number) {
    this.#stage = stage;
    this.#limit = examples;
  }

  /** Counts a fault. */
  add(example: Example): void {
    if (this.wants(example.fault) > 0) this.#examples.push(example);
    this.count(example.fault, 1);
  }

  /** Counts faults that nothing more is known of. */
  count(fault: Fault, count: number): void {
    this.#counts.set(fault, (this.#counts.get(fault) ?? 0) + count);
  }

  /** How many more examples of a fault are kept. */
  wants(fault: Fault): number {
    return Math.max(0, this.#limit - (this.#counts.get(fault) ?? 0));
  }

  /** What was found. */
  report(upTo: number): StageReport {
    const counts = Object.fromEntries(FAULTS.map((fault) => [fault, this.#counts.get(fault) ?? 0]));
    return {
      stage: this.#stage,
      upTo,
      events: this.events,
      ...counts as Record<Fault, number>,
      examples: this.#examples,
    };
  }
}
