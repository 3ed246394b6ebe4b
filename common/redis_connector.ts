import { AbstractConnector, type RedisOptions as IoredisOptions } from "ioredis";
import { createConnection, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { RedisTls } from "./redis_tls.ts";
import type { RedisEndpoint } from "./redis_url.ts";

/** How long a socket may take to close, in milliseconds, before it is destroyed. */
const DISCONNECT_MS = 2_000;

/** Finds the server of each connection anew. */
export interface ServerFinder {
  /** @throws {Error} it is not known at the moment */
  find(signal: AbortSignal): RedisEndpoint | Promise<RedisEndpoint>;
  /** Whether it is the right one, by what it says of itself in INFO. */
  accepts(info: { readonly role?: string }): boolean;
}

/** The class by which ioredis makes its connections. */
export type ConnectorClass = NonNullable<IoredisOptions["Connector"]>;

/** A finder of the one server that there is. */
export function oneServer(endpoint: RedisEndpoint): ServerFinder {
  return { find: () => endpoint, accepts: () => true };
}

/**
 * Makes the class by which ioredis connects to the server that is found. Its own ones cannot look for a server in a way of ours, and
 * let a socket that fails twice bring down the process.
 */
export function connectorTo(finder: ServerFinder, tls: RedisTls | undefined): ConnectorClass {
  return class extends AbstractConnector {
    #finding = new AbortController();

    constructor() {
      super(DISCONNECT_MS);
    }

    override async connect(): Promise<Socket> {
      this.connecting = true;
      this.#finding = new AbortController();
      const { signal } = this.#finding;
      delete this.firstError;
      try {
        const endpoint = await finder.find(signal);
        signal.throwIfAborted();
        this.stream = tls === undefined ? createConnection({ ...endpoint }) : connectTls({ ...tls, ...endpoint });
        // The client listens to the first error only.
        this.stream.on("error", (error) => this.firstError ??= error);
      } catch (error) {
        if (signal.aborted) throw new Error("Connection is closed");
        // A rejection would end the client for good. A socket that is closed already has it try again in its own time.
        this.firstError = error as Error;
        this.stream = new Socket().destroy();
      }
      return this.stream;
    }

    override check(info: { readonly role?: string }): boolean {
      return finder.accepts(info);
    }

    override disconnect(): void {
      this.#finding.abort();
      super.disconnect();
    }
  };
}
