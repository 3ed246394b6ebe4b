import postgres, { type Options, type Sql } from "postgres";
import type { Logger } from "./logger.ts";
import { PoolSockets } from "./pool_sockets.ts";
import type { PostgresSocket } from "./postgres_socket.ts";
import { backoffMs } from "./retry.ts";
import type { TlsMode } from "./secure_socket.ts";
import { countLosses } from "./transaction.ts";

export { NoAnswerError } from "./answer_watch.ts";

/** Settings of {@linkcode connectPostgres}. */
export interface PostgresOptions {
  /** How the connection names itself in `pg_stat_activity`. */
  readonly applicationName: string;
  /** The most connections the pool opens. @default 10 */
  readonly connections?: number;
  /**
   * For how long the server may be silent while it owes an answer, in milliseconds; then the connection counts as lost. A statement
   * that works longer than this before its first row is lost too.
   *
   * @default for ever
   */
  readonly answerLimitMs?: number;
  /** Where the server's notices go, at level debug, and that there is a pooler. */
  readonly logger?: Logger;
}

/** What postgres.js makes of a URL; its types leave some of it out. */
interface ParsedUrl {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | undefined;
  readonly ssl: TlsMode | false | null;
  readonly sslnegotiation: string | null;
  readonly shared: object;
}

/** What a socket is made for: the options of the pool, or of the client's own copy of it that listens. */
interface SocketOwner {
  prepare: boolean;
  /** Whether it asks which types have arrays. */
  readonly fetch_types: boolean;
}

/** How long the client waits before it connects again. Its own default goes up to 20 s, long after the server is back. */
const RECONNECT = { baseMs: 10, maxMs: 2_000 };

/** The sockets of each pool that uses {@linkcode PostgresSocket}. */
const pools = new WeakMap<Sql, PoolSockets>();

/**
 * Makes a pool of connections with the settings that every daemon wants. It connects when first used.
 *
 * Behind a pooler such as PgBouncer, which is noticed on each connection, it does not prepare statements: in transaction mode the next
 * statement may meet another server session, which does not know them. `?prepare=true` or `?prepare=false` in the URL decides that
 * without a look: PgBouncer from 1.21 can keep prepared statements, where its `max_prepared_statements` is set.
 *
 * With several hosts in the URL the client chooses among them by itself, and neither the limit nor the look holds.
 *
 * @param url a `postgres://` URL
 */
export function connectPostgres(url: string, options: PostgresOptions): Sql {
  const { applicationName, connections: max = 10, answerLimitMs, logger } = options;
  const sockets = new PoolSockets();
  const parsed = postgres(url).options as unknown as ParsedUrl;
  const looks = !new URL(url).searchParams.has("prepare");
  let fault: Error | undefined;
  let told = false;
  const lost = countLosses(() => sql);
  const socket = (owner: SocketOwner): PostgresSocket => {
    const onPooler = (): void => {
      owner.prepare = false;
      if (!told) logger?.info("PostgreSQL is behind a pooler: statements are not prepared", { applicationName });
      told = true;
    };
    return sockets.add({
      host: parsed.host[0]!,
      port: parsed.port[0]!,
      path: parsed.path || undefined,
      tls: parsed.ssl,
      directTls: parsed.sslnegotiation === "direct",
      answerLimitMs,
      onPooler: looks ? onPooler : undefined,
      asksTypes: owner.fetch_types,
      onFault: (error) => fault = error,
    });
  };
  const several = parsed.host.length > 1;
  const sql: Sql = postgres(url, {
    max,
    connect_timeout: 10,
    keep_alive: 15,
    backoff: (failures: number) => {
      const ms = backoffMs(failures, RECONNECT);
      sockets.waits(ms);
      return ms / 1_000;
    },
    connection: { application_name: applicationName },
    onclose: () => {
      lost(fault);
      fault = undefined;
    },
    onnotice: (notice) => logger?.debug("PostgreSQL notice", { notice: notice["message"] }),
    ...(several ? {} : { ssl: false, socket } as Options<Record<never, never>>),
  });
  if (!several) pools.set(sql, sockets);
  return sql;
}

/** How long {@linkcode closePostgres} waits for what is running, in milliseconds. */
const CLOSE_MS = 5_000;

/**
 * Closes a pool: waits a little for what is running, then cuts. Without a limit the client can wait for ever for a
 * connection that the server has already ended.
 */
export async function closePostgres(sql: Sql): Promise<void> {
  const sockets = pools.get(sql);
  if (sockets === undefined) return await sql.end({ timeout: CLOSE_MS / 1_000 });
  // The client waits for queries of connections that are gone. When no socket is left, nothing runs.
  const ended = sql.end();
  await sockets.close(ended, CLOSE_MS);
}
