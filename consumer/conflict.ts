import { backoffMs, sleep } from "@events-pipeline/common/retry";

/** So many times in a row work gives way to another transaction; then it counts as failed. */
const MOST = 5;

/** How long it stands back. */
const BACKOFF = { baseMs: 20, maxMs: 500 };

/** SQLSTATE's serialization_failure and deadlock_detected: PostgreSQL has picked this transaction to give way to another one. */
const CONFLICTS: ReadonlySet<unknown> = new Set(["40001", "40P01"]);

/**
 * Does work in a transaction of its own, and does it again when it had to give way to another transaction: that is nobody's failure, and
 * as a rule the next try gets through.
 *
 * @param signal ends the waiting in between
 */
export async function pastConflicts<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  for (let conflicts = 1;; conflicts++) {
    try {
      return await act();
    } catch (error) {
      if (conflicts > MOST || signal.aborted || !isConflict(error)) throw error;
      await sleep(backoffMs(conflicts, BACKOFF), signal);
    }
  }
}

/** Whether an error, or one behind it, says so: handlers and query builders wrap what the client throws. */
function isConflict(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = e.cause) if ("code" in e && CONFLICTS.has(e.code)) return true;
  return false;
}
