import { AbstractConnector, type RedisOptions as IoredisOptions } from "ioredis";
import { createConnection, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { describeError } from "./logger.ts";
import { askServer } from "./redis_question.ts";
import type { RedisTls } from "./redis_tls.ts";
import type { RedisEndpoint, RedisTarget } from "./redis_url.ts";

/** How long a socket may take to close, in milliseconds, before it is destroyed. */
const DISCONNECT_MS = 2_000;

/** What the ready check of the client tells a connector: the lines of INFO. */
interface ServerInfo {
  readonly role?: string;
}

/**
 * Makes the class by which ioredis finds the server of each connection: it asks the Sentinels for the primary, one after the other,
 * and takes no server that does not call itself one. Source: Redis's "Guidelines for Sentinel clients".
 */
export function sentinelConnector(
  target: RedisTarget & { readonly kind: "sentinel" },
  tls: RedisTls | undefined,
): NonNullable<IoredisOptions["Connector"]> {
  const { sentinels, sentinelLogin, group } = target;
  /** The Sentinel to begin with. */
  let begin = 0;
  /** The Sentinel that has named the server of the connection at hand. */
  let named = 0;

  /** @throws {Error} no Sentinel knows of a primary; why, for each of them */
  const findPrimary = async (signal: AbortSignal): Promise<RedisEndpoint> => {
    const reasons: string[] = [];
    for (let i = 0; i < sentinels.length; i++) {
      named = (begin + i) % sentinels.length;
      const endpoint = sentinels[named]!;
      try {
        const command = ["SENTINEL", "get-master-addr-by-name", group] as const;
        const reply = await askServer({ endpoint, login: sentinelLogin, tls, command, signal });
        if (Array.isArray(reply)) {
          begin = (named + 1) % sentinels.length; // If this leads nowhere, another one may know better.
          return { host: String(reply[0]), port: Number(reply[1]) };
        }
        reasons.push(`${endpoint.host}:${endpoint.port}: it does not know '${group}'`);
      } catch (error) {
        if (signal.aborted) throw error;
        reasons.push(`${endpoint.host}:${endpoint.port}: ${describeError(error)}`);
      }
    }
    throw Object.assign(new Error(`Cannot find the primary of '${group}': ${reasons.join("; ")}`), {
      code: "ECONNREFUSED",
    });
  };

  return class extends AbstractConnector {
    #asking = new AbortController();

    constructor() {
      super(DISCONNECT_MS);
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      this.#asking = new AbortController();
      delete this.firstError;
      try {
        const primary = await findPrimary(this.#asking.signal);
        this.#asking.signal.throwIfAborted();
        this.stream = tls === undefined ? createConnection(primary) : connectTls({ ...tls, ...primary });
        this.stream.once("error", (error) => this.firstError = error);
      } catch (error) {
        if (this.#asking.signal.aborted) throw new Error("Connection is closed");
        // A rejection would end the client for good. A socket that is closed already has it try again in its own time.
        this.firstError = error as Error;
        this.stream = new Socket().destroy();
      }
      return this.stream;
    }

    override check({ role = "master" }: ServerInfo): boolean {
      if (role === "master") begin = named;
      return role === "master";
    }

    override disconnect(): void {
      this.#asking.abort();
      super.disconnect();
    }
  };
}
