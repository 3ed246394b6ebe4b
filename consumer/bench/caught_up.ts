import { sleep } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import { BENCH_STREAM } from "./bench_consumers.ts";

/**
 * Waits until every consumer's checkpoint is at a position.
 *
 * @throws {Error} a handler fails, or it takes five minutes
 */
export async function caughtUp(sql: Sql, consumers: number, position: number): Promise<void> {
  const deadline = performance.now() + 300_000;
  while (true) {
    const [row] = await sql<{ n: number }[]>`
      SELECT count(*)::int AS n FROM events.stream_lease
      WHERE stream_name = ${BENCH_STREAM} AND role LIKE 'consumer:%'
        AND split_part(checkpoint, '-', 2)::bigint >= ${position}`;
    if (row!.n === consumers) return;
    const [failing] = await sql`SELECT last_error FROM events.consumer_state WHERE last_error IS NOT NULL LIMIT 1`;
    if (failing !== undefined) throw new Error(`Cannot measure: a handler fails: ${failing["last_error"]}`);
    if (performance.now() > deadline) throw new Error(`Cannot wait any longer for ${consumers} consumers`);
    await sleep(5);
  }
}

/**
 * Compares the effects with what was sent: each event once for each consumer, in its order.
 *
 * @throws {Error} they are not: the figures would mean nothing
 */
export async function checkEffects(sql: Sql, consumers: number, events: number, inOrder: boolean): Promise<void> {
  const rows = await sql<{ consumer: string; n: number; ids: number; sorted: boolean }[]>`
    SELECT consumer, count(*)::int AS n, count(DISTINCT event_id)::int AS ids,
           bool_and(number >= before) AS sorted
    FROM (SELECT consumer, event_id, substr(widget_id, 2)::bigint AS number,
                 lag(substr(widget_id, 2)::bigint, 1, 0) OVER (PARTITION BY consumer ORDER BY id) AS before
          FROM bench.effect) AS effects
    GROUP BY consumer`;
  const right = rows.length === consumers &&
    rows.every(({ n, ids, sorted }) => n === events && ids === events && (sorted || !inOrder));
  if (!right) throw new Error(`Cannot trust the benchmark: the effects are not right: ${JSON.stringify(rows)}`);
}
