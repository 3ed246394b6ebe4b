/**
 * A process that consumes the benchmark's stream when told to, by so many consumers or by a bare loop: the least that such a process
 * can do.
 *
 * @module
 */
import { connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import { peakBytes, whenTold } from "../../local/bench_child.ts";
import { OutboxHistory } from "../history.ts";
import { runConsumers } from "../run_consumers.ts";
import { BENCH_STREAM, benchConsumer, type HandlerKind } from "./bench_consumers.ts";

const [kind, consumers] = Deno.args as [HandlerKind | "bare", string];
const sql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "bench consumer", connections: 10 });
const redis = connectRedis(Deno.env.get("REDIS_URL")!, { clientName: "bench consumer" });
const blockingRedis = connectRedis(Deno.env.get("REDIS_URL")!, {
  clientName: "bench consumer watch",
  commandTimeoutMs: 15_000,
});
await Promise.all([sql`SELECT 1`, redis.call("PING"), blockingRedis.call("PING")]);
await whenTold(async (signal) => {
  if (kind === "bare") await consumeBare(sql, redis, signal);
  else {
    const names = Array.from({ length: Number(consumers) }, (_, i) => i === 0 ? `bench:${kind}` : `bench:${kind}-${i}`);
    await runConsumers(names.map((name) => benchConsumer(kind, name)), {
      ...{ sql, redis, blockingRedis, signal, history: new OutboxHistory(sql) },
    });
  }
  return { peakBytes: await peakBytes() };
});
await Promise.all([sql.end({ timeout: 5 }), redis.close(), blockingRedis.close()]);

/** XREAD, and for each 200 entries INSERT each, note which they were, and the checkpoint; and nothing else. */
async function consumeBare(sql: Sql, redis: RedisConnection, signal: AbortSignal): Promise<void> {
  const role = "consumer:bench:bare";
  await sql`INSERT INTO events.stream_lease (stream_name, role, checkpoint) VALUES (${BENCH_STREAM}, ${role}, '0-0')`;
  let after = "0-0";
  while (!signal.aborted) {
    const reply = await redis.call("XREAD", "COUNT", 1_000, "STREAMS", BENCH_STREAM, after) as
      | [string, [string, string[]][]][]
      | null;
    const entries = reply?.[0]?.[1] ?? [];
    if (entries.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (let from = 0; from < entries.length; from += 200) {
      const batch = entries.slice(from, from + 200);
      await sql.begin(async (tx) => {
        for (const [, fields] of batch) {
          const { widget_id } = JSON.parse(fields[9]!);
          await tx`INSERT INTO bench.effect (consumer, event_id, widget_id) VALUES ('bench:bare', ${fields[
            1
          ]!}, ${widget_id})`;
        }
        await tx`
          INSERT INTO events.processed_event (consumer_name, event_id, stream_position)
          SELECT 'bench:bare', e.event_id, e.position
          FROM unnest(${batch.map(([, fields]) => fields[1]!)}::text[]::uuid[],
                      ${batch.map(([id]) => id.split("-")[1]!)}::text[]::bigint[]) AS e(event_id, position)
          ON CONFLICT DO NOTHING`;
        await tx`
          UPDATE events.stream_lease SET checkpoint = ${
          batch.at(-1)![0]
        } WHERE stream_name = ${BENCH_STREAM} AND role = ${role}`;
      });
    }
    after = entries.at(-1)?.[0] ?? after;
  }
}
