import type { StageEntry } from "./stage_entry.ts";
import type { Example, StageFindings } from "./stage_report.ts";

/** How many doubtful entries are kept; those beyond count as unexpected. */
const MAX_DOUBTFUL = 50_000;

/** Tells, of entries that the outbox does not know, those that the stage holds twice from those that nobody has sent. */
export class StrayNames {
  readonly #findings: StageFindings;
  readonly #unknown = new Set<string>();
  readonly #doubtful = new Map<string, Omit<Example, "fault">[]>();
  #kept = 0;

  /** Made for the findings of one stage. */
  constructor(findings: StageFindings) {
    this.#findings = findings;
  }

  /** Counts an entry that the outbox would know if anybody had sent it. */
  addUnknown(example: Omit<Example, "fault">): void {
    const again = this.#unknown.has(example.eventId!);
    if (this.#unknown.size < MAX_DOUBTFUL) this.#unknown.add(example.eventId!);
    this.#findings.add({
      fault: again ? "duplicated" : "unexpected",
      ...example,
      detail: "the outbox has no such event",
    });
  }

  /** Keeps an entry that the outbox may have cleaned up. */
  addDoubtful(eventId: string, example: Omit<Example, "fault">): void {
    if (this.#kept++ >= MAX_DOUBTFUL) return this.addUnknown(example);
    this.#doubtful.set(eventId, [...this.#doubtful.get(eventId) ?? [], example]);
  }

  /** Reads the stage again, if there is anything in doubt: what it holds elsewhere too is a duplicate. */
  async finish(again: () => AsyncIterable<readonly StageEntry[]>): Promise<void> {
    if (this.#doubtful.size === 0) return;
    const times = new Map<string, number>();
    for await (const page of again()) {
      for (const { eventId } of page) {
        if (eventId !== undefined && this.#doubtful.has(eventId)) times.set(eventId, (times.get(eventId) ?? 0) + 1);
      }
    }
    for (const [eventId, examples] of this.#doubtful) {
      const elsewhere = (times.get(eventId) ?? 0) > examples.length;
      for (const example of examples) {
        if (elsewhere) {
          this.#findings.add({ fault: "duplicated", ...example, detail: "the stage holds it elsewhere too" });
        } else this.addUnknown(example);
      }
    }
  }
}
