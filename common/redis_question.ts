import { Redis } from "ioredis";
import { endClient, ioredisOptions } from "./redis_client.ts";
import { oneServer } from "./redis_connector.ts";
import type { RedisTls } from "./redis_tls.ts";
import type { RedisEndpoint, RedisLogin } from "./redis_url.ts";

/** Whom {@linkcode askServer} asks, and what. */
export interface RedisQuestion {
  /** The server or Sentinel. */
  readonly endpoint: RedisEndpoint;
  /** Who logs in. */
  readonly login: RedisLogin;
  /** The options of the TLS socket; `undefined` for none. */
  readonly tls: RedisTls | undefined;
  /** The command and its arguments. */
  readonly command: readonly [command: string, ...args: string[]];
  /** Gives it up. */
  readonly signal: AbortSignal;
}

/** How long a server may take to connect, and how long to answer, in milliseconds. */
const ANSWER_MS = 2_000;

/**
 * Asks a server one question on a connection of its own, which works also while the others are stuck.
 *
 * @throws {Error} why there is no answer
 */
export async function askServer({ endpoint, login, tls, command, signal }: RedisQuestion): Promise<unknown> {
  const client = new Redis({
    ...ioredisOptions({ finder: oneServer(endpoint), login, tls }),
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let fault: unknown; // What `connect` rejects with only says that the connection is closed.
  client.on("error", (error: unknown) => fault ??= error);
  const giveUp = (): void => client.disconnect();
  signal.addEventListener("abort", giveUp);
  try {
    signal.throwIfAborted();
    await client.connect();
    return await client.call(...command);
  } catch (error) {
    throw fault ?? error;
  } finally {
    signal.removeEventListener("abort", giveUp);
    await endClient(client);
  }
}
