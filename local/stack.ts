import { askPostgres, askRedis } from "./answers.ts";
import { findPostgres, findRedis } from "./binaries.ts";
import { dockerAnswers, startDockerServer } from "./docker.ts";
import { startPostgres } from "./postgres.ts";
import { startRedis } from "./redis.ts";
import { type Server, ServerError, type StartOptions } from "./server.ts";

/** A PostgreSQL and a Redis. */
export interface Stack extends AsyncDisposable {
  /** Where PostgreSQL answers. */
  readonly databaseUrl: string;
  /** Where Redis answers. */
  readonly redisUrl: string;
  /** Stops what was started for it, and removes its data. */
  stop(): Promise<void>;
}

/** The part of the environment that says which servers already run. */
export interface StackEnvironment {
  /** A PostgreSQL to use, instead of starting one. */
  readonly DATABASE_URL?: string | undefined;
  /** A Redis to use, instead of starting one. */
  readonly REDIS_URL?: string | undefined;
}

/** How {@linkcode startStack} finds its servers. */
export interface StackOptions extends StartOptions {
  /** Servers that already run. @default none */
  readonly environment?: StackEnvironment | undefined;
}

async function existing(
  variable: keyof StackEnvironment,
  url: string,
  ask: (url: string, signal?: AbortSignal) => Promise<void>,
  options: StackOptions,
): Promise<Server> {
  try {
    await ask(url, options.signal);
  } catch (cause) {
    options.signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError(
      `Cannot use the server of ${variable}: it does not answer: ${reason}. ` +
        "Start it, or unset the variable to have one started",
      { cause },
    );
  }
  options.say?.(`Using the server of ${variable}`);
  const stop = () => Promise.resolve();
  return { url, origin: "environment", stop, [Symbol.asyncDispose]: stop };
}

async function postgresServer(options: StackOptions): Promise<Server> {
  const url = options.environment?.DATABASE_URL;
  if (url) return existing("DATABASE_URL", url, askPostgres, options);
  if (!await findPostgres() && await dockerAnswers()) return startDockerServer("postgres", options);
  return startPostgres(options);
}

async function redisServer(options: StackOptions): Promise<Server> {
  const url = options.environment?.REDIS_URL;
  if (url) return existing("REDIS_URL", url, askRedis, options);
  if (!await findRedis() && await dockerAnswers()) return startDockerServer("redis", options);
  return startRedis(options);
}

/**
 * Finds or starts a PostgreSQL and a Redis. For each, the first of these that applies: its URL
 * in `environment`, binaries on this machine, a Docker engine, installing with apt-get.
 *
 * What it starts listens on loopback only, has a random password, and is stopped and removed
 * with the stack, or when this program ends, however it ends.
 *
 * @throws {ServerError} if a server of the environment does not answer, or one cannot be started
 *
 * @example
 * ```ts
 * import { startStack } from "@events-pipeline/local";
 *
 * await using stack = await startStack({ say: (line) => console.error(line) });
 * console.log(stack.databaseUrl, stack.redisUrl);
 * ```
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  await using servers = new AsyncDisposableStack();
  const postgres = servers.use(await postgresServer(options));
  const redis = servers.use(await redisServer(options));
  const owned = servers.move();
  const stop = () => owned.disposeAsync();
  return {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
