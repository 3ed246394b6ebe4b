/** No event waits longer than ten years, in milliseconds. */
const MOST_MS = 10 * 365 * 24 * 3_600_000;

/** How {@linkcode DeadLetter} and {@linkcode RetryLater} are made. */
interface OutcomeOptions {
  /** The error behind it. */
  readonly cause?: unknown;
}

/**
 * Thrown by a handler: this event can never be handled. It is set aside as a dead letter, and the consumer goes on with the next one.
 *
 * @example
 * ```ts
 * import { DeadLetter } from "@events-pipeline/consumer";
 *
 * function requireOwner(owner: string | null): string {
 *   if (owner === null) throw new DeadLetter("The widget has no owner");
 *   return owner;
 * }
 * ```
 */
export class DeadLetter extends Error {
  /** The error's name, `DeadLetter`. */
  override readonly name = "DeadLetter";

  /**
   * Made by a handler, to be thrown.
   *
   * @param reason why, for whoever looks at it later
   */
  constructor(reason: string, options?: OutcomeOptions) {
    super(reason, options);
  }
}

/**
 * Thrown by a handler: not now, but in `ms` milliseconds. It counts as an attempt. The events behind it wait.
 *
 * @example
 * ```ts
 * import { RetryLater } from "@events-pipeline/consumer";
 *
 * function checkQuota(left: number): void {
 *   if (left === 0) throw new RetryLater(60_000, "The quota is used up");
 * }
 * ```
 */
export class RetryLater extends Error {
  /** The error's name, `RetryLater`. */
  override readonly name = "RetryLater";
  /** How long to wait, in milliseconds. */
  readonly ms: number;

  /**
   * Made by a handler, to be thrown.
   *
   * @param ms how long to wait, in milliseconds
   * @param reason why, for the log
   * @throws {RangeError} `ms` is not a number from 0 to 10 years
   */
  constructor(ms: number, reason: string = "The handler asked for a later try", options?: OutcomeOptions) {
    super(reason, options);
    if (!(ms >= 0 && ms <= MOST_MS)) {
      throw new RangeError(`Cannot retry after ${ms} ms: it must be a number from 0 to ${MOST_MS}`);
    }
    this.ms = ms;
  }
}
