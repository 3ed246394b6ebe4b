import type { Logger } from "@events-pipeline/common/logger";

/** A step of bringing a stream and the outbox together. */
export type Repair =
  /** Entries whose commit was lost are marked as published; `foreign` of them are not from this outbox and were accepted. */
  | {
    readonly kind: "adopted";
    readonly stream: string;
    readonly events: number;
    readonly upTo: string;
    readonly foreign: number;
  }
  /** Entries that Redis had lost are back; so many are still to come. */
  | {
    readonly kind: "refilled";
    readonly stream: string;
    readonly events: number;
    readonly upTo: string;
    readonly remaining: number;
  }
  /** Redis lost entries that the outbox no longer holds. */
  | {
    readonly kind: "lost";
    readonly stream: string;
    readonly first: number;
    readonly last: number;
    readonly events: number;
    readonly after: string;
  };

/** How often the progress of a long refill is told, in milliseconds. */
const PROGRESS_MS = 2_000;

/** Tells repairs to the log: each loss and adoption, and the beginning, the progress and the end of a refill. */
export class RepairReport {
  readonly #logger: Logger;
  readonly #refills = new Map<string, { events: number; toldAt: number }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Tells one step. */
  tell(repair: Repair, now: number): void {
    if (repair.kind === "refilled") return this.#tellRefill(repair, now);
    const { kind, ...fields } = repair;
    if (kind === "adopted") this.#logger.info("Adopted entries whose commit was lost", fields);
    else this.#logger.error("Redis lost entries that the outbox no longer holds", fields);
  }

  #tellRefill({ stream, events, remaining, upTo }: Repair & { kind: "refilled" }, now: number): void {
    const before = this.#refills.get(stream);
    const total = (before?.events ?? 0) + events;
    const due = before === undefined || now - before.toldAt >= PROGRESS_MS;
    if (remaining === 0) {
      this.#refills.delete(stream);
      this.#logger.warn("Refilled a stream that lost entries", { stream, events: total, upTo });
      return;
    }
    this.#refills.set(stream, { events: total, toldAt: due ? now : before.toldAt });
    if (due) this.#logger.warn("Refilling a stream that lost entries", { stream, events: total, remaining });
  }
}
