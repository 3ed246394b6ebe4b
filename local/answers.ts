import postgres from "postgres";
import { ANSWER_MS, inTime } from "./in_time.ts";
import { callRedis } from "./redis_call.ts";

/** Asks the PostgreSQL server at a URL once; throws if it does not answer within 2 s. */
export async function askPostgres(url: string, signal?: AbortSignal): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: ANSWER_MS / 1_000, onnotice: () => {} });
  try {
    await inTime(sql`SELECT 1`.execute(), signal);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** Asks the Redis server at a URL once; throws if it does not answer within 2 s. */
export async function askRedis(url: string, signal?: AbortSignal, ca?: string): Promise<void> {
  await callRedis(url, ["PING"], { signal, ca });
}
