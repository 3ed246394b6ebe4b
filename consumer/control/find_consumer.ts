import type { Sql } from "postgres";
import type { ConsumerKey } from "../consumer_state.ts";

/** Nobody knows a consumer of that name: none has ever begun. */
export class UnknownConsumerError extends Error {
  /** The error's name, `UnknownConsumerError`. */
  override readonly name = "UnknownConsumerError";

  /**
   * Made by what looks a consumer up.
   *
   * @param name who was looked for
   * @param known the names of those that have begun
   */
  constructor(name: string, known: readonly string[]) {
    super(
      known.length === 0
        ? `Cannot find the consumer '${name}': no consumer has ever begun`
        : `Cannot find the consumer '${name}': there are ${known.join(", ")}`,
    );
  }
}

/**
 * Finds a consumer by its name: one key for each stream that it has read.
 *
 * @throws {UnknownConsumerError} there is none
 */
export async function findConsumers(sql: Sql, name: string): Promise<readonly ConsumerKey[]> {
  const rows = await sql<{ consumer: string; stream: string }[]>`
    SELECT substr(role, length('consumer:') + 1) AS consumer, stream_name AS stream FROM events.stream_lease
    WHERE role LIKE 'consumer:%' ORDER BY 1, 2`;
  const keys = rows.filter(({ consumer }) => consumer === name);
  if (keys.length === 0) throw new UnknownConsumerError(name, [...new Set(rows.map(({ consumer }) => consumer))]);
  return keys.map(({ consumer, stream }) => ({ consumer, stream }));
}
