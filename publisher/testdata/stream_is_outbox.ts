import { assertRight, checkPipeline } from "@events-pipeline/checker";
import type { StreamName } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { until } from "@events-pipeline/local/until";
import { assert } from "@std/assert";
import type { Sql } from "postgres";

/** A stream, and where it comes from. */
export interface PublishedStream {
  readonly sql: Sql;
  readonly redis: RedisConnection;
  readonly stream: StreamName;
}

/** Waits until all is published; then the stream must hold what the outbox holds, in its order, each event once. */
export async function streamIsOutbox(
  { sql, redis, stream }: PublishedStream,
  acknowledged: readonly string[],
): Promise<void> {
  await until(
    "everything is published",
    async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
    30_000,
  );
  const rows = await sql<{ event_id: string }[]>`
    SELECT event_id FROM events.outbox_event WHERE stream_name = ${stream} ORDER BY id`;
  const committed = rows.map((row) => row.event_id);
  // A commit may have come through without its acknowledgement, never the other way round.
  assert(new Set(acknowledged).isSubsetOf(new Set(committed)));
  await until(
    "the stream is whole",
    async () => Number(await redis.call("XLEN", stream)) >= committed.length,
    30_000,
  );
  const sent = new Map([[stream, committed]]);
  assertRight(await checkPipeline({ sql, redis, streams: [stream], sent, complete: true }));
}
