import type { StageFindings } from "./stage_report.ts";

/** An event that a stage is to hold. */
export interface ExpectedEvent {
  /** Its id. */
  readonly eventId: string;
  /** Its entry, where that is known. */
  readonly entryId?: string;
}

/** What is known of an event that a stage holds, and that is not expected any more, or not yet. */
export type Knowledge =
  /** It was to be held once: this is again. */
  | "expected"
  /** It is right, and was not expected: it comes after what is judged, or the outbox lacks its row. */
  | "right"
  /** It is wrong: nobody has sent it. */
  | "unknown";

/** What a {@linkcode SequenceComparison} works with. */
export interface SequenceComparisonOptions {
  /** What the stage is to hold, in its order, page by page. */
  readonly expected: AsyncIterable<readonly ExpectedEvent[]>;
  /** Where faults are counted. */
  readonly findings: StageFindings;
  /** Whether the order counts. @default true */
  readonly ordered?: boolean;
  /** How far ahead of its place an event is looked for. @default 10000 */
  readonly lookAhead?: number;
  /** Whether what the stage holds before the first expected event is passed over: it was expected before. @default false */
  readonly joinsLate?: boolean;
  /** Finds out about events that are not where they are expected. Asked for many at once. */
  readonly identify: (eventIds: readonly string[]) => Promise<ReadonlyMap<string, Knowledge>>;
}

/** Expected events that were passed over: beyond this many the oldest count as lost at once. */
const MAX_WAITING = 50_000;

/** Events that are not where they are expected, before they are named. */
const MAX_STRAYS = 50_000;

interface Waiting extends ExpectedEvent {
  readonly place: number;
}

/**
 * Compares a stage that has no positions, only an order, with what it is to hold. Both are read side by side. Memory is bounded by
 * the look-ahead, plus what is wrong, 50,000 events of it at most.
 */
export class SequenceComparison {
  readonly #options: SequenceComparisonOptions;
  readonly #expected: AsyncIterator<readonly ExpectedEvent[]>;
  /** What is read of the expected and was not met yet, in its order. */
  readonly #waiting = new Map<string, Waiting>();
  #page: readonly ExpectedEvent[] = [];
  #next = 0;
  #read = 0;
  #highest = -1;
  #begun: boolean;
  #strays = new Map<string, number>();

  /** Made for one stage of one stream. */
  constructor(options: SequenceComparisonOptions) {
    this.#options = options;
    this.#expected = options.expected[Symbol.asyncIterator]();
    this.#begun = !options.joinsLate;
  }

  /** Takes the next events, in the stage's order. */
  async take(eventIds: readonly string[]): Promise<void> {
    for (const eventId of eventIds) await this.#takeOne(eventId);
  }

  async #takeOne(eventId: string): Promise<void> {
    const { findings, ordered = true, lookAhead = 10_000 } = this.#options;
    let found = this.#waiting.get(eventId);
    while (found === undefined && this.#read - this.#highest <= lookAhead) {
      const event = await this.#readExpected();
      if (event === undefined) break;
      if (event.eventId === eventId) found = event;
    }
    if (found === undefined) {
      if (!this.#begun) return;
      findings.events++;
      this.#strays.set(eventId, (this.#strays.get(eventId) ?? 0) + 1);
      if (this.#strays.size >= MAX_STRAYS) await this.#nameStrays();
      return;
    }
    this.#begun = true;
    findings.events++;
    this.#waiting.delete(eventId);
    if (ordered && found.place < this.#highest) {
      findings.add({ fault: "outOfOrder", eventId, entryId: found.entryId, detail: "it comes after a later event" });
    }
    this.#highest = Math.max(this.#highest, found.place);
  }

  /** Counts what was not met, and names what is strange. */
  async finish(): Promise<void> {
    while (await this.#readExpected() !== undefined);
    for (const event of this.#waiting.values()) this.#lose(event);
    await this.#nameStrays();
  }

  /** Reads one more expected event, that is not there yet. `undefined` at the end. */
  async #readExpected(): Promise<Waiting | undefined> {
    const { findings, ordered = true, lookAhead = 10_000 } = this.#options;
    while (true) {
      while (this.#next >= this.#page.length) {
        const { done, value } = await this.#expected.next();
        if (done) return undefined;
        this.#page = value;
        this.#next = 0;
      }
      const event = { ...this.#page[this.#next++]!, place: this.#read++ };
      const early = this.#strays.get(event.eventId) ?? 0;
      if (early > 0) {
        // The stage has it far ahead of its place.
        if (early === 1) this.#strays.delete(event.eventId);
        else this.#strays.set(event.eventId, early - 1);
        if (ordered) findings.add({ fault: "outOfOrder", eventId: event.eventId, entryId: event.entryId });
        continue;
      }
      this.#waiting.set(event.eventId, event);
      if (this.#waiting.size > lookAhead + MAX_WAITING) {
        const oldest: Waiting = this.#waiting.values().next().value!;
        this.#waiting.delete(oldest.eventId);
        this.#lose(oldest);
      }
      return event;
    }
  }

  #lose({ eventId, entryId }: ExpectedEvent): void {
    this.#options.findings.add({ fault: "lost", eventId, entryId });
  }

  async #nameStrays(): Promise<void> {
    if (this.#strays.size === 0) return;
    const { findings, identify } = this.#options;
    const strays = this.#strays;
    this.#strays = new Map();
    const known = await identify([...strays.keys()]);
    for (const [eventId, times] of strays) {
      const knowledge = known.get(eventId) ?? "unknown";
      for (let i = 0; i < times; i++) {
        if (knowledge === "expected" || i > 0) findings.add({ fault: "duplicated", eventId });
        else if (knowledge === "unknown") findings.add({ fault: "unexpected", eventId });
      }
    }
  }
}
