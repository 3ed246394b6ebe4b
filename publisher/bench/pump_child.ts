/**
 * A process that drains one stream when told to, by the publisher or by a bare pump: the least that such a process can do.
 *
 * @module
 */
import { connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import { peakBytes, whenTold } from "../../local/bench_child.ts";
import { runPublisher } from "../publisher.ts";

const [kind, stream] = Deno.args as ["publisher" | "bare", string];
const url = Deno.env.get("DATABASE_URL")!;
const sql = connectPostgres(url, { applicationName: "bench" });
const wakeUpSql = connectPostgres(url, { applicationName: "bench", connections: 1 });
const redis = connectRedis(Deno.env.get("REDIS_URL")!, { clientName: "bench" });
await Promise.all([sql`SELECT 1`, wakeUpSql`SELECT 1`, redis.call("PING")]);
await whenTold(async () => {
  const begun = performance.now();
  if (kind === "publisher") {
    await runPublisher({ sql, wakeUpSql, redis, once: true, signal: AbortSignal.timeout(600_000) });
  } else {
    await pump(sql, redis);
  }
  const seconds = (performance.now() - begun) / 1_000;
  return { seconds, peakBytes: await peakBytes() };
});
await Promise.all([sql.end({ timeout: 5 }), wakeUpSql.end({ timeout: 5 }), redis.close()]);

/** SELECT, pipelined XADD, UPDATE, and nothing else. */
async function pump(sql: Sql, redis: RedisConnection): Promise<void> {
  let position = 0;
  while (true) {
    const count = await sql.begin(async (tx) => {
      const rows = await tx`
        SELECT ctid::text, event_id, event_type, payload::text, metadata::text, created_at FROM events.outbox_event
        WHERE stream_name = ${stream} AND published_at IS NULL ORDER BY id LIMIT 1000`;
      const ms = Date.now();
      const ids = rows.map(() => `${ms}-${++position}`);
      await Promise.all(rows.map((row, i) =>
        redis.call(
          "XADD",
          stream,
          ids[i]!,
          ...["event_id", row["event_id"], "event_type", row["event_type"], "time", row["created_at"].toISOString()],
          ...["metadata", row["metadata"], "payload", row["payload"]],
        )
      ));
      await tx`
        UPDATE events.outbox_event AS o SET published_at = clock_timestamp(), stream_entry_id = e.entry_id
        FROM unnest(${rows.map((row) => row["ctid"])}::text[]::tid[], ${ids}::text[]) AS e(ctid, entry_id)
        WHERE o.ctid = e.ctid`;
      return rows.length;
    });
    if (count === 0) return;
  }
}
