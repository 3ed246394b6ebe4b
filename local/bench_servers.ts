import { connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import { cpuSeconds } from "./bench_report.ts";

/** The servers that a benchmark runs on, and their processes. */
export interface BenchServers extends AsyncDisposable {
  readonly sql: Sql;
  readonly redis: RedisConnection;
  /** CPU time used by PostgreSQL and Redis so far, in seconds. */
  cpuSeconds(): Promise<number>;
}

/** Connects to the servers that `deno task bench` has started on this machine. */
export async function benchServers(connections: number = 10): Promise<BenchServers> {
  const sql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "bench", connections });
  const redis = connectRedis(Deno.env.get("REDIS_URL")!, { clientName: "bench", commandTimeoutMs: 120_000 });
  const [row] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
  const status = await Deno.readTextFile(`/proc/${row!.pid}/status`);
  const postmaster = Number(/^PPid:\s+(\d+)/m.exec(status)![1]);
  const redisPid = Number(/process_id:(\d+)/.exec(String(await redis.call("INFO", "server")))![1]);
  return {
    sql,
    redis,
    cpuSeconds: async () => await cpuSeconds(postmaster) + await cpuSeconds(redisPid),
    async [Symbol.asyncDispose]() {
      await Promise.all([sql.end({ timeout: 5 }), redis.close()]);
    },
  };
}

/** Empties the outbox, the leases and Redis. */
export async function clearAll({ sql, redis }: BenchServers): Promise<void> {
  await sql`TRUNCATE events.outbox_event RESTART IDENTITY`;
  await sql`
    TRUNCATE events.stream_lease, events.stream_retention, events.stream_loss, events.processed_event,
             events.consumer_state, events.dead_letter, events.archive_verification`;
  await redis.call("FLUSHALL");
}

/** Fills the outbox with unpublished rows of a payload of some bytes. */
export async function fillOutbox(sql: Sql, stream: string, rows: number, bytes: number): Promise<void> {
  const pad = "x".repeat(bytes - 58);
  for (let from = 0; from < rows; from += 100_000) {
    await sql`
      INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
      SELECT gen_random_uuid(), ${stream}, 'WidgetCreated', json_build_object('widget_id', 'w' || g, 'owner_id', 'o', 'pad', ${pad}::text)
      FROM generate_series(${from + 1}::int, ${Math.min(rows, from + 100_000)}::int) AS g`;
  }
  await sql`VACUUM ANALYZE events.outbox_event`;
  await sql`CHECKPOINT`;
}
