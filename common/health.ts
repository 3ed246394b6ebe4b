/** What is wrong with a part, in words for people; `undefined` when nothing is. */
export type HealthCheck = () => string | undefined;

/**
 * What is wrong in a process, part by part: a stream that cannot be published, a consumer whose handler fails. It is ready when
 * nothing is. A part is named as people know it: `publisher`, `stream:widgets:events`, `consumer:widgets:notify_owner`.
 *
 * @example
 * ```ts
 * import { Health } from "@events-pipeline/common/health";
 * import { assertEquals } from "@std/assert";
 *
 * const health = new Health();
 * health.fail("stream:widgets:events", "Redis is full");
 * assertEquals([...health.faults()], [["stream:widgets:events", "Redis is full"]]);
 * health.recover("stream:widgets:events");
 * assertEquals(health.faults().size, 0);
 * ```
 */
export class Health {
  readonly #faults = new Map<string, string>();
  readonly #notes = new Map<string, string>();
  readonly #checks = new Map<string, HealthCheck>();

  /** Says that a part does not work, and why. It stays so until {@linkcode Health.recover}. */
  fail(part: string, reason: string): void {
    this.#faults.set(part, reason);
  }

  /** Says that a part works again. */
  recover(part: string): void {
    this.#faults.delete(part);
  }

  /** Says what a person should know of a part that works. */
  note(part: string, text: string): void {
    this.#notes.set(part, text);
  }

  /** What was noted, by part. */
  notes(): ReadonlyMap<string, string> {
    return new Map(this.#notes);
  }

  /** Has a part looked at whenever somebody asks: for what is only seen by its absence, such as a stall. */
  watch(part: string, check: HealthCheck): void {
    this.#checks.set(part, check);
  }

  /** Drops a part that is no longer there, with its check and its note. */
  forget(part: string): void {
    this.#faults.delete(part);
    this.#checks.delete(part);
    this.#notes.delete(part);
  }

  /** What is wrong now, by part; empty when nothing is. */
  faults(): ReadonlyMap<string, string> {
    const faults = new Map(this.#faults);
    for (const [part, check] of this.#checks) {
      const reason = check();
      if (reason !== undefined) faults.set(part, reason);
    }
    return faults;
  }
}
