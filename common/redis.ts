import { Redis } from "ioredis";
import { describeError, type Logger } from "./logger.ts";
import { backoffMs } from "./retry.ts";

/** A connection to Redis: the few calls that the pipeline makes of its client. */
export interface RedisConnection {
  /**
   * Sends one command. While the server is away it waits for the connection to come back. Once that has been away for longer than a
   * command may take, it fails at once instead, so that no commands pile up.
   *
   * @throws {Error} Redis refuses the command (the message begins with its error code), or the connection stays away too long
   */
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  /** Runs a Lua script on one key, by its hash where the server has it. */
  evaluate(script: RedisScript, key: string, args: readonly (string | number)[]): Promise<unknown>;
  /** Calls back on each connection made after the first: the server may have lost data meanwhile. */
  onReconnect(callback: () => void): void;
  /** Cuts the connection, and fails what is waiting on it. Resolves when it is gone. */
  close(): Promise<void>;
}

/** A Lua script that touches one key. */
export interface RedisScript {
  /** A name, unique among the scripts of a program. */
  readonly name: string;
  /** The source; the header says what KEYS and ARGV are and what it replies. */
  readonly lua: string;
}

/** Settings of {@linkcode connectRedis}. */
export interface RedisOptions {
  /** How the connection names itself in `CLIENT LIST`. */
  readonly clientName: string;
  /** Where lost and regained connections are told. */
  readonly logger?: Logger;
  /**
   * How long a command may take until it fails, in milliseconds, the wait for a lost connection included. A blocking read
   * must be given more than it blocks.
   *
   * @default 10000
   */
  readonly commandTimeoutMs?: number;
}

/** What a client has between two tries to connect. */
interface ReconnectingClient {
  readonly reconnectTimeout: number | undefined;
  flushQueue(error: Error): void;
}

type Command = (...args: (string | number)[]) => Promise<unknown>;

/**
 * Connects to Redis. The connection is made in the background and made again whenever it is lost.
 *
 * @param url a `redis://` or `rediss://` URL
 */
export function connectRedis(url: string, options: RedisOptions): RedisConnection {
  const logger = options.logger;
  const commandTimeout = options.commandTimeoutMs ?? 10_000;
  const client = new Redis(url, {
    protocol: 2,
    connectionName: options.clientName,
    connectTimeout: 10_000,
    // A connection on which nothing comes back is cut and made again: TCP itself would try for a quarter of an hour. Commands that were
    // sent on it are sent again, also those that their callers have given up, so each of them must bear that.
    socketTimeout: commandTimeout,
    // The time-out of `send` bounds the waiting, however many reconnections that takes.
    maxRetriesPerRequest: null,
    retryStrategy: (failures) => backoffMs(failures, { baseMs: 50, maxMs: 2_000 }),
  });
  let connected = false;
  let awaySince: number | undefined = performance.now();
  let reconnected: (() => void)[] = [];
  client.on("error", (error) => logger?.warn("Redis connection failed", { error: describeError(error) }));
  client.on("close", () => awaySince ??= performance.now());
  client.on("ready", () => {
    awaySince = undefined;
    if (connected) {
      logger?.info("Redis connection is back");
      for (const callback of reconnected) callback();
    }
    connected = true;
  });
  const defined = new Set<string>();
  /** Sends a command, and gives it up when it takes too long. */
  const send = async (command: () => Promise<unknown>): Promise<unknown> => {
    const awayMs = awaySince === undefined ? 0 : performance.now() - awaySince;
    if (awayMs > commandTimeout) throw timeOut(`its connection is away for ${Math.round(awayMs / 1_000)} s`);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(timeOut(`no answer came in ${commandTimeout} ms`)),
      commandTimeout,
    );
    try {
      return await Promise.race([command(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    call: (command, ...args) => send(() => client.call(command, ...args)),
    evaluate: (script, key, args) => {
      if (!defined.has(script.name)) {
        client.defineCommand(script.name, { lua: script.lua, numberOfKeys: 1 });
        defined.add(script.name);
      }
      const run = (client as unknown as Record<string, Command>)[script.name]!;
      return send(() => run.call(client, key, ...args));
    },
    onReconnect(callback) {
      reconnected.push(callback);
    },
    async close() {
      reconnected = [];
      if (client.status === "end") return;
      if (client.status === "reconnecting") {
        // Between two tries there is no connection that could end, only a timer and what waits for the next try. The client's own
        // disconnect() would leave another timer here, so this ends both itself.
        const inner = client as unknown as ReconnectingClient;
        clearTimeout(inner.reconnectTimeout);
        inner.flushQueue(new Error("Connection is closed"));
        return;
      }
      const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));
      client.disconnect();
      await ended;
    },
  };
}

function timeOut(reason: string): Error {
  return Object.assign(new Error(`Cannot wait for Redis any longer: ${reason}`), { code: "ETIMEDOUT" });
}
