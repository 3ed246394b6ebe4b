import { deferred } from "./deferred.ts";
import type { Redis, RedisOptions as IoredisOptions } from "ioredis";
import type { Evaluation, RedisOptions } from "./redis.ts";
import { describeError, type Logger } from "./logger.ts";
import { connectorTo, type ServerFinder } from "./redis_connector.ts";
import { commandRequest, type RedisRequest } from "./redis_request.ts";
import type { RedisTls } from "./redis_tls.ts";
import type { RedisLogin } from "./redis_url.ts";
import { backoffMs } from "./retry.ts";
import { RevocableRedis } from "./revocable_redis.ts";

/** A server, and how to log in to it. */
export interface RedisServer {
  /** Finds it. */
  readonly finder: ServerFinder;
  /** Who logs in. */
  readonly login: RedisLogin;
  /** The options of the TLS socket; `undefined` for none. */
  readonly tls: RedisTls | undefined;
  /** The number of the database. @default 0 */
  readonly database?: number;
  /** Which error replies mean that the server is the wrong one, so that it is looked for again. @default none */
  readonly reconnectOnError?: (error: Error) => boolean;
}

/** How {@linkcode RedisClient} behaves. */
export interface RedisClientOptions extends Pick<RedisOptions, "clientName" | "logger" | "commandTimeoutMs"> {
  /** Which server it is, for the log. */
  readonly server: string;
  /** How long it may take to connect, in milliseconds. @default 10000 */
  readonly connectTimeoutMs?: number;
  /** How long commands wait for a connection that is away, in milliseconds. @default as long as a command may take */
  readonly awayLimitMs?: number;
  /** Called when the connection is lost, and after each try that failed. @default nothing */
  readonly onAway?: () => void;
  /** Called on each connection made after the first. @default nothing */
  readonly onBack?: () => void;
}

/** What a client has between two tries to connect. */
interface ReconnectingClient {
  readonly reconnectTimeout: number | undefined;
  flushQueue(error: Error): void;
}

/** How long a command may take by default, in milliseconds. */
const COMMAND_MS = 10_000;

/** Why nobody can tell how many replicas have a write. */
const LOST = "the connection was lost on which the replicas' answer was to come";

/**
 * One connection to one server, made in the background and made again whenever it is lost, on which no command waits for longer than it
 * may.
 */
export class RedisClient {
  readonly #client: RevocableRedis;
  readonly #logger: Logger | undefined;
  readonly #server: string;
  readonly #limitMs: number;
  readonly #awayLimitMs: number;
  /** Those that wait, by how they are told that the connection is away for too long. */
  readonly #waiting = new Set<(error: Error) => void>();
  /** Those that wait for this connection alone, by how they are told that it is lost. */
  readonly #bound = new Set<() => void>();
  readonly #onAway: () => void;
  readonly #onBack: () => void;
  #closed = false;
  #connected = false;
  #awaySince: number | undefined = performance.now();
  #awayTimer: ReturnType<typeof setTimeout> | undefined;
  /** How many connections were lost. */
  #losses = 0;
  /** Why there is no connection. */
  #fault: unknown;

  /** Begins to connect. */
  constructor(server: RedisServer, options: RedisClientOptions) {
    this.#logger = options.logger;
    this.#server = options.server;
    this.#limitMs = options.commandTimeoutMs ?? COMMAND_MS;
    this.#awayLimitMs = Math.min(options.awayLimitMs ?? this.#limitMs, this.#limitMs);
    this.#onAway = options.onAway ?? (() => {});
    this.#onBack = options.onBack ?? (() => {});
    this.#client = new RevocableRedis({
      ...ioredisOptions(server),
      connectionName: options.clientName,
      connectTimeout: options.connectTimeoutMs ?? 10_000,
      // A connection on which nothing comes back is cut and made again: TCP itself would try for a quarter of an hour. Commands that
      // were sent on it are sent again, as long as their callers wait, so each of them must bear that.
      socketTimeout: this.#limitMs,
      // The time-out of `request` bounds the waiting, however many reconnections that takes.
      maxRetriesPerRequest: null,
      retryStrategy: (failures) => backoffMs(failures, { baseMs: 50, maxMs: 2_000 }),
      reconnectOnError: server.reconnectOnError ?? null,
    });
    this.#client.on("error", (error) => this.#failed(error));
    this.#client.on("close", () => this.#lost());
    this.#client.on("ready", () => this.#ready());
    this.#startAwayTimer();
  }

  /**
   * Sends a request, and gives it up when it takes too long.
   *
   * @param limitMs how long it may take, in milliseconds, if that is less than usual
   * @throws {Error} the server refuses it, or takes too long, or the connection is away for too long
   */
  async request(request: RedisRequest, limitMs: number = this.#limitMs): Promise<unknown> {
    const awayMs = this.#awaySince === undefined ? 0 : performance.now() - this.#awaySince;
    if (awayMs > this.#awayLimitMs) throw this.#timeOut(`its connection is away for ${seconds(awayMs)} s`);
    const sending = this.#client.noting(() => request.run(this.#client));
    const late = deferred<never>();
    const allowedMs = Math.max(0, Math.round(Math.min(limitMs, this.#limitMs)));
    const timer = setTimeout(() => late.reject(this.#timeOut(`no answer came in ${allowedMs} ms`)), allowedMs);
    this.#waiting.add(late.reject);
    try {
      return await Promise.race([sending.result, late.promise]);
    } catch (error) {
      sending.revoke();
      throw error;
    } finally {
      this.#waiting.delete(late.reject);
      clearTimeout(timer);
    }
  }

  /** Sends a request that writes. Replicas can be waited for afterwards: WAIT counts what its own connection has written. */
  async evaluate(request: RedisRequest, limitMs?: number): Promise<Evaluation> {
    const reply = await this.request(request, limitMs);
    const losses = this.#losses;
    return {
      reply,
      waitForReplicas: async (replicas, timeoutMs) => {
        if (losses !== this.#losses) throw timeOut(LOST);
        return Number(await this.#requestHere(commandRequest("WAIT", [replicas, timeoutMs])));
      },
    };
  }

  /** Sends a request on the connection at hand, and gives it up when that is lost: the answer of another one would say nothing. */
  async #requestHere(request: RedisRequest): Promise<unknown> {
    const lost = deferred<never>();
    const giveUp = (): void => lost.reject(timeOut(LOST));
    this.#bound.add(giveUp);
    try {
      return await Promise.race([this.request(request), lost.promise]);
    } finally {
      this.#bound.delete(giveUp);
    }
  }

  /** Cuts the connection, and fails what is waiting on it. Resolves when it is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#awayTimer);
    await endClient(this.#client);
  }

  #failed(error: unknown): void {
    this.#fault = error;
    this.#logger?.warn("Redis connection failed", { server: this.#server, error: describeError(error) });
  }

  #lost(): void {
    this.#losses++;
    for (const giveUp of [...this.#bound]) giveUp();
    if (this.#closed) return;
    if (this.#awaySince === undefined) {
      this.#awaySince = performance.now();
      this.#startAwayTimer();
    }
    this.#onAway();
  }

  #ready(): void {
    this.#awaySince = this.#fault = undefined;
    clearTimeout(this.#awayTimer);
    if (this.#connected) {
      this.#logger?.info("Redis connection is back", { server: this.#server });
      this.#onBack();
    }
    this.#connected = true;
  }

  #startAwayTimer(): void {
    if (this.#awayLimitMs >= this.#limitMs) return; // Every request's own time-out comes first.
    this.#awayTimer = setTimeout(() => {
      const error = this.#timeOut(`its connection is away for ${seconds(this.#awayLimitMs)} s`);
      for (const giveUp of [...this.#waiting]) giveUp(error);
    }, this.#awayLimitMs);
  }

  #timeOut(reason: string): Error {
    return timeOut(reason, this.#awaySince === undefined ? undefined : this.#fault);
  }
}

/** What ioredis needs to connect to a server. */
export function ioredisOptions(
  { finder, login, tls, database = 0 }: RedisServer,
): Pick<IoredisOptions, "protocol" | "disableClientInfo" | "username" | "password" | "db" | "tls" | "Connector"> {
  return {
    protocol: 2,
    disableClientInfo: true, // A user who may do no more than it must would be noted in the ACL log for it.
    ...login,
    db: database,
    ...(tls === undefined ? {} : { tls }), // Only to say that it is TLS which has to be ready.
    Connector: connectorTo(finder, tls),
  };
}

const seconds = (ms: number): number => Math.round(ms / 1_000);

/** The error of a request that has waited for too long; another try may succeed. */
export function timeOut(reason: string, cause?: unknown): Error {
  const error = new Error(`Cannot wait for Redis any longer: ${reason}`, cause === undefined ? {} : { cause });
  return Object.assign(error, { code: "ETIMEDOUT" });
}

/** Ends a client of any state. Its own disconnect() does not wait, and may leave a timer. */
export async function endClient(client: Redis): Promise<void> {
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
}
