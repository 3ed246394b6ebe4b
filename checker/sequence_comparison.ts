import type { StageFindings } from "./stage_report.ts";

/** An event that a stage is to hold. */
export interface ExpectedEvent {
  /** Its id. */
  readonly eventId: string;
  /** Where it stands among the others; rises from one to the next. */
  readonly position: number;
  /** Its entry, where that is known. */
  readonly entryId?: string;
}

/** What is known of an event that a stage holds, and that is not where it is expected. */
export type Knowledge =
  /** It is to be held once, there. */
  | { readonly kind: "expected"; readonly position: number }
  /** It is right, and was not expected: it comes after what is judged, or the outbox lacks its row. */
  | { readonly kind: "right" }
  /** Nobody has sent it. */
  | { readonly kind: "unknown" };

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

/** Events in a row that are not found ahead, before it is asked whether the stage has a larger gap there. Grows when it has none. */
const RUN = { least: 100, most: 10_000 };

interface Waiting extends ExpectedEvent {
  /** How many were read before it. */
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
  #readPosition = -1;
  #highest = -1;
  #begun: boolean;
  /** What the stage has held since the last event that was found. */
  #run: string[] = [];
  #runLimit = RUN.least;
  #strays = new Map<string, number>();

  /** Made for one stage of one stream. */
  constructor(options: SequenceComparisonOptions) {
    this.#options = options;
    this.#expected = options.expected[Symbol.asyncIterator]();
    this.#begun = !options.joinsLate;
  }

  /** Takes the next events, in the stage's order. */
  async take(eventIds: readonly string[]): Promise<void> {
    for (const eventId of eventIds) {
      if (!this.#begun && await this.#find(eventId) === undefined) continue;
      this.#begun = true;
      this.#options.findings.events++;
      await this.#place(eventId);
    }
  }

  /** Counts what was not met, and names what is strange. */
  async finish(): Promise<void> {
    while (this.#run.length > 0) await this.#endRun(true);
    while (await this.#readExpected());
    for (const event of this.#waiting.values()) this.#lose(event);
    await this.#nameStrays();
  }

  async #place(eventId: string): Promise<void> {
    const found = await this.#find(eventId);
    if (found === undefined) {
      this.#run.push(eventId);
      if (this.#run.length >= this.#runLimit) await this.#endRun();
    } else {
      // The stage goes on where it was, so what came in between is strange.
      for (const stray of this.#run.splice(0)) await this.#addStray(stray);
      this.#meet(found);
    }
  }

  /** Looks for an event among those that are expected next. */
  async #find(eventId: string): Promise<Waiting | undefined> {
    const { lookAhead = 10_000 } = this.#options;
    let found = this.#waiting.get(eventId);
    while (found === undefined && this.#read - this.#highest <= lookAhead && await this.#readExpected()) {
      found = this.#waiting.get(eventId);
    }
    return found;
  }

  #meet({ eventId, entryId, place }: Waiting): void {
    const { findings, ordered = true } = this.#options;
    this.#waiting.delete(eventId);
    if (ordered && place < this.#highest) {
      findings.add({ fault: "outOfOrder", eventId, entryId, detail: "it comes after a later event" });
    }
    this.#highest = Math.max(this.#highest, place);
  }

  /** Finds out whether the stage goes on far ahead: then all up to there is passed over. */
  async #endRun(atEnd = false): Promise<void> {
    const run = this.#run.splice(0);
    if (run.length === 0) return;
    const known = await this.#options.identify(run);
    const ahead = run.map((id) => known.get(id)).flatMap((knowledge) =>
      knowledge?.kind === "expected" && knowledge.position > this.#readPosition ? knowledge.position : []
    );
    // At the end nothing follows that could show that the stage goes on where it was.
    const goesOn = atEnd ? ahead.length > 0 : ahead.length * 2 > run.length;
    if (!goesOn) this.#runLimit = Math.min(this.#runLimit * 2, RUN.most);
    if (!goesOn) {
      for (const eventId of run) await this.#addStray(eventId);
      return;
    }
    const target = Math.min(...ahead);
    while (this.#readPosition < target && await this.#readExpected());
    for (const eventId of run) await this.#place(eventId);
  }

  async #addStray(eventId: string): Promise<void> {
    this.#strays.set(eventId, (this.#strays.get(eventId) ?? 0) + 1);
    if (this.#strays.size >= MAX_STRAYS) await this.#nameStrays();
  }

  /** Reads one more expected event. @returns whether there was one */
  async #readExpected(): Promise<boolean> {
    const { findings, ordered = true } = this.#options;
    while (this.#next >= this.#page.length) {
      const { done, value } = await this.#expected.next();
      if (done) return false;
      this.#page = value;
      this.#next = 0;
    }
    const event = { ...this.#page[this.#next++]!, place: this.#read++ };
    const { eventId, entryId } = event;
    this.#readPosition = event.position;
    const early = this.#strays.get(eventId) ?? 0;
    if (early === 0) {
      this.#waiting.set(eventId, event);
      this.#forgetOldest();
      return true;
    }
    if (early === 1) this.#strays.delete(eventId);
    else this.#strays.set(eventId, early - 1);
    if (ordered) findings.add({ fault: "outOfOrder", eventId, entryId, detail: "it comes long before its place" });
    return true;
  }

  /** Gives up what was passed over long ago, many at once: the map finds its oldest entry slowly where others were deleted. */
  #forgetOldest(): void {
    const { lookAhead = 10_000 } = this.#options;
    if (this.#waiting.size <= lookAhead + MAX_WAITING) return;
    for (const event of this.#waiting.values().take(MAX_WAITING / 2)) {
      this.#waiting.delete(event.eventId);
      this.#lose(event);
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
      const kind = known.get(eventId)?.kind ?? "unknown";
      for (let i = 0; i < times; i++) {
        if (kind === "expected" || i > 0) findings.add({ fault: "duplicated", eventId });
        else if (kind === "unknown") findings.add({ fault: "unexpected", eventId });
      }
    }
  }
}
