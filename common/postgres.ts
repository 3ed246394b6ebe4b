import postgres, { type Sql } from "postgres";
import type { Logger } from "./logger.ts";
import { countLosses } from "./transaction.ts";

/** Settings of {@linkcode connectPostgres}. */
export interface PostgresOptions {
  /** How the connection names itself in `pg_stat_activity`. */
  readonly applicationName: string;
  /** The most connections the pool opens. @default 10 */
  readonly connections?: number;
  /** Where the server's notices go, at level debug. */
  readonly logger?: Logger;
}

/**
 * Makes a pool of connections with the settings that every daemon wants. It connects when first used.
 *
 * @param url a `postgres://` URL
 */
export function connectPostgres(url: string, options: PostgresOptions): Sql {
  const sql: Sql = postgres(url, {
    max: options.connections ?? 10,
    connect_timeout: 10,
    connection: { application_name: options.applicationName },
    onclose: countLosses(() => sql),
    onnotice: (notice) => options.logger?.debug("PostgreSQL notice", { notice: notice["message"] }),
  });
  return sql;
}

/**
 * Closes a pool: waits a little for what is running, then cuts. Without a limit the client can wait for ever for a
 * connection that the server has already ended.
 */
export async function closePostgres(sql: Sql): Promise<void> {
  await sql.end({ timeout: 5 });
}
