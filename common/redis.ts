import type { Logger } from "./logger.ts";
import { connectCluster } from "./redis_cluster.ts";
import { connectSingle } from "./redis_single.ts";
import type { RedisTls } from "./redis_tls.ts";
import { parseRedisUrl } from "./redis_url.ts";

export type { RedisTls } from "./redis_tls.ts";

/**
 * A connection to Redis, be it one server, the primary that Sentinels name, or a Cluster: the few calls that the pipeline makes of its
 * client.
 */
export interface RedisConnection {
  /**
   * Sends one command that names a key, to the server that has it. While that is away it waits for the connection to come back. Once
   * it has been away for longer than a command may take (on a Cluster, for more than a second), it fails at once instead, so that no
   * commands pile up.
   *
   * @throws {Error} Redis refuses the command (the message begins with its error code), or the connection stays away too long
   * @throws {TypeError} the command names no key, and there are many servers
   */
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  /** Sends a command that names no key to the server of a key: on the connection that commands about the key take. */
  callAt(key: string, command: string, ...args: (string | number)[]): Promise<unknown>;
  /**
   * Sends a command that names no key to every primary.
   *
   * @returns the replies of those that answer
   * @throws {Error} none does
   */
  callPrimaries(command: string, ...args: (string | number)[]): Promise<readonly unknown[]>;
  /** Runs a Lua script on one key, by its hash where the server has it. */
  evaluate(script: RedisScript, key: string, args: readonly (string | number)[]): Promise<Evaluation>;
  /** Which keys one command may name together: those of one slot. Everything is in slot 0 where there is no Cluster. */
  slotOf(key: string): number;
  /**
   * Calls back on each connection made after the first, and when keys are found at another server: the server may have lost data
   * meanwhile, or the other one may lack some.
   */
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

/** What came of a script. */
export interface Evaluation {
  /** What it replied. */
  readonly reply: unknown;
  /**
   * Waits until so many replicas have what the script wrote, or until the time is up. It asks on the very connection that the script
   * was sent on, for Redis looks at the writes of that connection only.
   *
   * @returns how many replicas have it
   * @throws {Error} that connection was lost, so nobody can tell
   */
  waitForReplicas(replicas: number, timeoutMs: number): Promise<number>;
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
  /** Certificates, where the public authorities do not do. @default none */
  readonly tls?: RedisTls;
  /**
   * On a Cluster, gives the keys of each slot a connection of their own, so that a command that blocks holds up no other one.
   *
   * @default false
   */
  readonly connectionPerSlot?: boolean;
}

/**
 * Connects to Redis. The connection is made in the background and made again whenever it is lost.
 *
 * @param url `redis://user:password@host:port/database` for one server; `redis+sentinel://user:password@host1:port,host2:port/NAME` for
 * the primary that Sentinels name; `redis+cluster://user:password@host1:port,host2:port` for a Cluster. `rediss` instead of `redis` asks
 * for TLS
 * @throws {TypeError} the URL has another form, or does not fit the certificates
 */
export function connectRedis(url: string, options: RedisOptions): RedisConnection {
  const target = parseRedisUrl(url);
  return target.kind === "cluster" ? connectCluster(target, options) : connectSingle(target, options);
}
