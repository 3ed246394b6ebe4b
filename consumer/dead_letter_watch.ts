import { describeError, type Logger } from "@events-pipeline/common/logger";
import { sleep } from "@events-pipeline/common/retry";
import type { Sql } from "postgres";
import type { ConsumerMetrics } from "./consumer_metrics.ts";
import type { ConsumerKey } from "./consumer_state.ts";
import { countDeadLetters } from "./dead_letters.ts";

/** How often dead letters are counted, in milliseconds. */
const COUNT_MS = 5_000;

/**
 * Tells how many dead letters consumers have, with one statement for all of them, until the signal fires. While the database does not
 * answer the figures stay as they are, and whoever asks for them does not wait.
 */
export async function watchDeadLetters(
  sql: Sql,
  keys: readonly ConsumerKey[],
  { metrics, logger, signal }: {
    readonly metrics: Pick<ConsumerMetrics, "deadLetters">;
    readonly logger: Logger;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const over = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  const count = async (): Promise<void> => {
    try {
      const counts = await countDeadLetters(sql, keys);
      for (const [i, { consumer, stream }] of keys.entries()) metrics.deadLetters.set(counts[i]!, { consumer, stream });
    } catch (error) {
      logger.debug("Cannot count the dead letters", { error: describeError(error) });
    }
  };
  while (!signal.aborted) {
    await Promise.race([count(), over]);
    await sleep(COUNT_MS, signal);
  }
}
