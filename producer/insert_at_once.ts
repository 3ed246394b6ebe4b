import { deferred } from "@events-pipeline/common/deferred";
import type { Driver } from "@events-pipeline/common/driver";
import { insertOutboxRows, type OutboxRows } from "./outbox_insert.ts";

/** No connection of the pool became free in time. Nothing was sent. */
export class NoConnectionError extends Error {
  /** The error's name, `NoConnectionError`. */
  override readonly name = "NoConnectionError";
}

/** How long to wait, and what for. */
export interface AtOnceOptions {
  /** How long a connection may take to become free, in milliseconds. */
  readonly waitMs: number;
  /** What is sent, for messages. */
  readonly what: string;
}

/**
 * Inserts rows in a transaction of their own. The caller may be inside one that has the pool's only connection, and would wait for
 * itself: so the wait ends, and what comes later is rolled back.
 *
 * @throws {NoConnectionError} no connection became free; nothing was sent
 */
export async function insertAtOnce<Pool, Tx>(
  driver: Driver<Pool, Tx>,
  pool: Pool,
  rows: OutboxRows,
  { waitMs, what }: AtOnceOptions,
): Promise<void> {
  const waiting = deferred<never>();
  const error = new NoConnectionError(
    `Cannot send ${what} at once: no connection of the pool became free within ${waitMs} ms. A caller inside a transaction ` +
      `holds one, and AT_LEAST_ONCE needs another: make the pool larger, or send with EXACTLY_ONCE`,
  );
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    waiting.reject(error);
  }, waitMs);
  try {
    const inserting = driver.begin(pool, async (tx) => {
      clearTimeout(timer);
      if (late) throw error;
      await insertOutboxRows(driver, tx, rows);
    }, { waitMs });
    inserting.catch(() => {}); // It may still fail when nobody waits for it any more.
    await Promise.race([inserting, waiting.promise]);
  } finally {
    clearTimeout(timer);
  }
}
