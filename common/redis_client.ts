import { Redis, type RedisOptions as IoredisOptions } from "ioredis";
import type { Evaluation, RedisOptions } from "./redis.ts";
import { describeError, type Logger } from "./logger.ts";
import { commandRequest, type RedisRequest } from "./redis_request.ts";
import { backoffMs } from "./retry.ts";

/** How ioredis finds a server, and logs in. */
export type ServerOptions = Pick<
  IoredisOptions,
  "host" | "port" | "username" | "password" | "db" | "tls" | "Connector" | "reconnectOnError" | "connectTimeout"
>;

/** How {@linkcode RedisClient} behaves. */
export interface RedisClientOptions extends Pick<RedisOptions, "clientName" | "logger" | "commandTimeoutMs"> {
  /** Which server it is, for the log. */
  readonly server: string;
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

/**
 * One connection to one server, made in the background and made again whenever it is lost, on which no command waits for longer than it
 * may.
 */
export class RedisClient {
  readonly #client: Redis;
  readonly #logger: Logger | undefined;
  readonly #server: string;
  readonly #limitMs: number;
  readonly #awayLimitMs: number;
  /** Those that wait, by how they are told that the connection is away for too long. */
  readonly #waiting = new Set<(error: Error) => void>();
  #onAway: () => void;
  #onBack: () => void;
  #connected = false;
  #awaySince: number | undefined = performance.now();
  #awayTimer: ReturnType<typeof setTimeout> | undefined;
  /** How many connections were lost. */
  #losses = 0;
  /** Why there is no connection. */
  #fault: unknown;

  /** Begins to connect. */
  constructor(server: ServerOptions, options: RedisClientOptions) {
    this.#logger = options.logger;
    this.#server = options.server;
    this.#limitMs = options.commandTimeoutMs ?? COMMAND_MS;
    this.#awayLimitMs = Math.min(options.awayLimitMs ?? this.#limitMs, this.#limitMs);
    this.#onAway = options.onAway ?? (() => {});
    this.#onBack = options.onBack ?? (() => {});
    this.#client = new Redis({
      protocol: 2,
      connectionName: options.clientName,
      connectTimeout: 10_000,
      // A connection on which nothing comes back is cut and made again: TCP itself would try for a quarter of an hour. Commands that
      // were sent on it are sent again, also those that their callers have given up, so each of them must bear that.
      socketTimeout: this.#limitMs,
      // The time-out of `request` bounds the waiting, however many reconnections that takes.
      maxRetriesPerRequest: null,
      retryStrategy: (failures) => backoffMs(failures, { baseMs: 50, maxMs: 2_000 }),
      ...server,
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
    const late = Promise.withResolvers<never>();
    const allowedMs = Math.max(0, Math.round(Math.min(limitMs, this.#limitMs)));
    const timer = setTimeout(() => late.reject(this.#timeOut(`no answer came in ${allowedMs} ms`)), allowedMs);
    this.#waiting.add(late.reject);
    try {
      return await Promise.race([request.run(this.#client), late.promise]);
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
        const confirmed = losses === this.#losses
          ? Number(await this.request(commandRequest("WAIT", [replicas, timeoutMs])))
          : 0;
        // A WAIT that was sent again on a new connection knows of no write, and counts every replica.
        if (losses === this.#losses) return confirmed;
        throw timeOut("the connection was lost on which the replicas' answer was to come");
      },
    };
  }

  /** Cuts the connection, and fails what is waiting on it. Resolves when it is gone. */
  async close(): Promise<void> {
    this.#onAway = this.#onBack = () => {};
    clearTimeout(this.#awayTimer);
    await endClient(this.#client);
  }

  #failed(error: unknown): void {
    this.#fault = error;
    this.#logger?.warn("Redis connection failed", { server: this.#server, error: describeError(error) });
  }

  #lost(): void {
    this.#losses++;
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
