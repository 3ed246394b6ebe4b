import { Redis } from "ioredis";
import { ANSWER_MS, inTime } from "./in_time.ts";

/** How {@linkcode callRedis} connects. */
export interface RedisCallOptions {
  /** Gives it up. @default never */
  readonly signal?: AbortSignal | undefined;
  /** The authority that signed the server's certificate, as PEM text. @default the public ones */
  readonly ca?: string | undefined;
}

/** Sends one command to the Redis server at a URL, on a connection of its own; throws if it does not answer within 2 s. */
export async function callRedis(
  url: string,
  [command, ...args]: readonly [command: string, ...args: (string | number)[]],
  { signal, ca }: RedisCallOptions = {},
): Promise<unknown> {
  const redis = new Redis(url, {
    lazyConnect: true,
    protocol: 2,
    connectTimeout: ANSWER_MS,
    disconnectTimeout: 100,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    ...(ca === undefined ? {} : { tls: { ca } }),
  });
  let fault: unknown; // What `connect` rejects with only says that the connection is closed
  redis.on("error", (error: unknown) => fault = error);
  try {
    return await inTime(redis.connect().then(() => redis.call(command, ...args)), signal);
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
