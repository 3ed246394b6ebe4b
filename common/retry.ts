/** How long to wait between tries. */
export interface Backoff {
  /** The wait after the first failure, in milliseconds. */
  readonly baseMs: number;
  /** The longest wait, in milliseconds. */
  readonly maxMs: number;
}

/**
 * The wait before the next try: doubles with each failure up to the limit, with "equal jitter" (half of it fixed, half at random),
 * so that many processes which failed together do not come back together.
 *
 * @param failures how many tries have failed in a row, 1 or more
 * @param random a number from 0 to 1 (default `Math.random()`)
 * @returns milliseconds
 *
 * @example
 * ```ts
 * import { backoffMs } from "@events-pipeline/common/retry";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(backoffMs(3, { baseMs: 100, maxMs: 5_000 }, 1), 400);
 * ```
 */
export function backoffMs(failures: number, backoff: Backoff, random: number = Math.random()): number {
  const full = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(full / 2 + full / 2 * random);
}

/**
 * Waits, or stops waiting when the signal fires. Resolves in both cases: the caller looks at its signal anyway.
 *
 * @param ms milliseconds; none or fewer returns at the next turn
 */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** SQLSTATE classes and codes that another try can mend. Source: PostgreSQL's appendix A, "Error Codes". */
const TRANSIENT_SQLSTATE = /^(?:08...|40001|40P01|53...|55P03|57...|58...|25P03)$/;

/** The first word of Redis error replies that pass by themselves, or when somebody mends the server. */
const TRANSIENT_REDIS = /^(?:READONLY|MISCONF|OOM|NOREPLICAS|LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|UNBLOCKED)\b/;

/** Error codes of Node's sockets and of the clients when a connection is cut or cannot be made. */
const TRANSIENT_CODES: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "CONNECTION_CLOSED",
  "CONNECTION_ENDED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "25P03", // PostgreSQL has ended a session that was idle in its transaction.
]);

/**
 * Whether an error says that a connection was lost or cannot be made: it may be back at any moment, without notice.
 *
 * @example
 * ```ts
 * import { isConnectionLoss } from "@events-pipeline/common/retry";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isConnectionLoss(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })), true);
 * assertEquals(isConnectionLoss(Object.assign(new Error("deadlock detected"), { code: "40P01" })), false);
 * ```
 */
export function isConnectionLoss(error: unknown): boolean {
  return error instanceof Error && "code" in error && TRANSIENT_CODES.has(String(error.code));
}

/** What the Redis client calls its own connection errors. */
const TRANSIENT_MESSAGES = /^(?:Connection is closed|Command timed out|Socket timeout|Stream isn't writeable)/;

/**
 * Whether an error of PostgreSQL, Redis or the network may pass by itself, so that the same work should be tried again.
 *
 * @example
 * ```ts
 * import { isTransient } from "@events-pipeline/common/retry";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(isTransient(Object.assign(new Error("deadlock detected"), { code: "40P01" })), true);
 * assertEquals(isTransient(new TypeError("x is not a function")), false);
 * ```
 */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError && error.errors.some(isTransient)) return true;
  const code = "code" in error ? String(error.code) : "";
  return TRANSIENT_CODES.has(code) || TRANSIENT_SQLSTATE.test(code) || TRANSIENT_REDIS.test(error.message) ||
    TRANSIENT_MESSAGES.test(error.message) || (error.name === "MaxRetriesPerRequestError");
}
