import { Redis } from "ioredis";
import postgres from "postgres";

const WAIT_MS = 2_000;

/** Settles as `promise` does, or rejects after a while or when the signal is aborted. */
async function inTime<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  const { promise: given, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer within ${WAIT_MS} ms`)), WAIT_MS);
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    signal?.throwIfAborted();
    return await Promise.race([promise, given]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    promise.catch(() => {}); // It may still fail once nobody waits for it
  }
}

/** Asks the PostgreSQL server at a URL once; throws if it does not answer within 2 s. */
export async function askPostgres(url: string, signal?: AbortSignal): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: WAIT_MS / 1_000, onnotice: () => {} });
  try {
    await inTime(sql`SELECT 1`.execute(), signal);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** Asks the Redis server at a URL once; throws if it does not answer within 2 s. */
export async function askRedis(url: string, signal?: AbortSignal): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    protocol: 2,
    connectTimeout: WAIT_MS,
    disconnectTimeout: 100,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let fault: unknown; // What `connect` rejects with only says that the connection is closed
  redis.on("error", (error: unknown) => fault = error);
  try {
    await inTime(redis.connect().then(() => redis.ping()), signal);
  } catch (error) {
    throw fault ?? error;
  } finally {
    if (redis.status !== "end") {
      const { promise, resolve } = Promise.withResolvers<void>();
      redis.once("end", resolve);
      redis.disconnect();
      await promise; // Or its timer would outlive the question
    }
  }
}
