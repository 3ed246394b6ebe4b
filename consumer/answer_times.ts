import { describeError } from "@events-pipeline/common/logger";
import { isTransient } from "@events-pipeline/common/retry";

/** How much longer than it should an answer may take, in milliseconds, before that is a fault. */
const SLACK_MS = 2_000;

/** For how long a failure is told that nothing has followed, in milliseconds: who fails tries again sooner than that. */
const STALE_MS = 10_000;

/**
 * Whether a server answers in time. A connection waits a good while for a server that is away before it fails: health is to say what
 * everything waits for long before that.
 */
export class AnswerTimes {
  readonly #server: string;
  /** What is waited for: when it was asked, and when its answer is overdue. */
  readonly #pending = new Map<symbol, { readonly askedAt: number; readonly dueAt: number }>();
  #failure: { readonly reason: string; readonly at: number } | undefined;

  /** @param server what it is called: `Redis` */
  constructor(server: string) {
    this.#server = server;
  }

  /**
   * Waits for an answer.
   *
   * @param allowedMs how long it may take by itself, in milliseconds: 0, or for how long a read may block
   */
  async track<T>(allowedMs: number, ask: () => Promise<T>): Promise<T> {
    const key = Symbol();
    const askedAt = performance.now();
    this.#pending.set(key, { askedAt, dueAt: askedAt + allowedMs + SLACK_MS });
    try {
      const answer = await ask();
      this.#failure = undefined;
      return answer;
    } catch (error) {
      // What the server refuses is an answer, and the trouble of who has asked.
      this.#failure = isTransient(error) ? { reason: describeError(error), at: performance.now() } : undefined;
      throw error;
    } finally {
      this.#pending.delete(key);
    }
  }

  /** What is wrong, in words; `undefined` when nothing is. */
  get fault(): string | undefined {
    const now = performance.now();
    if (this.#failure !== undefined && now - this.#failure.at < STALE_MS) return this.#failure.reason;
    for (const { askedAt, dueAt } of this.#pending.values()) {
      if (now > dueAt) return `${this.#server} has not answered for ${Math.round((now - askedAt) / 1_000)} s`;
    }
    return undefined;
  }
}
