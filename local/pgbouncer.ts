import { type Account, serverAccount } from "./account.ts";
import { askPostgres } from "./answers.ts";
import { startBinaryServer } from "./binary_server.ts";
import { findPgBouncer } from "./binaries.ts";
import { findOrInstall } from "./find_or_install.ts";
import type { OwnedServer, StartOptions } from "./server.ts";
import { Watchdog } from "./watchdog.ts";

/** How {@linkcode startPgBouncer} sets the pooler up. */
export interface PgBouncerOptions extends StartOptions {
  /** For how long a client has a server session for itself: until it leaves, or for one transaction. */
  readonly poolMode: "session" | "transaction";
  /** Further lines of `pgbouncer.ini`, by setting: `default_pool_size`, say. @default none */
  readonly settings?: Readonly<Record<string, string | number>>;
}

const USER = "pooled";

/** For `sh`, in the server's folder: PgBouncer takes its port from a file only. Arguments: folder of the program, port. */
const SCRIPT =
  'sed "s/^listen_port.*/listen_port = $2/" template.ini >pgbouncer.ini; exec "$1/pgbouncer" pgbouncer.ini';

/** Writes the settings, with a random password for the only user, and returns it. */
async function configure(
  folder: string,
  account: Account | undefined,
  databaseUrl: URL,
  options: PgBouncerOptions,
): Promise<string> {
  const password = crypto.randomUUID().replaceAll("-", "");
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: "",
    unix_socket_dir: "",
    auth_type: "scram-sha-256",
    auth_file: `${folder}/users.txt`,
    pool_mode: options.poolMode,
    max_client_conn: 500,
    ...options.settings,
  };
  const server = {
    host: databaseUrl.hostname,
    port: databaseUrl.port || "5432",
    user: decodeURIComponent(databaseUrl.username),
    password: decodeURIComponent(databaseUrl.password),
  };
  const quoted = Object.entries(server).map(([name, value]) => `${name}='${value.replaceAll("'", "''")}'`);
  const lines = [
    ...["[databases]", `* = ${quoted.join(" ")}`],
    ...["[pgbouncer]", ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`)],
  ];
  for (const [name, text] of [["template.ini", lines.join("\n")], ["users.txt", `"${USER}" "${password}"`]] as const) {
    await Deno.writeTextFile(`${folder}/${name}`, `${text}\n`, { mode: 0o600, createNew: true });
    if (account) await Deno.chown(`${folder}/${name}`, account.uid, account.gid);
  }
  return password;
}

/**
 * Starts a PgBouncer of one's own in front of a PostgreSQL, on a free loopback port, with a user and a random password of its own.
 * Every database of the server can be reached through it. It is installed first if it is missing and this is root on Debian or
 * Ubuntu.
 *
 * @param databaseUrl the database that the pooler's `url` leads to
 * @throws {ServerError} if it cannot be found, installed or started
 *
 * @example
 * ```ts
 * import { startPgBouncer } from "@events-pipeline/local/pgbouncer";
 *
 * await using pooler = await startPgBouncer(Deno.env.get("DATABASE_URL")!, { poolMode: "transaction" });
 * await pooler.restart();
 * ```
 */
export async function startPgBouncer(databaseUrl: string, options: PgBouncerOptions): Promise<OwnedServer> {
  const { signal } = options;
  signal?.throwIfAborted();
  const bin = await findOrInstall({
    name: "PgBouncer",
    debianPackage: "pgbouncer",
    variable: "DATABASE_URL",
    find: findPgBouncer,
  }, options);
  const account = await serverAccount(["postgres", "nobody"]);
  const watchdog = await Watchdog.start("pgbouncer", { account, signal: "TERM" });
  const target = new URL(databaseUrl);
  try {
    const password = await configure(watchdog.folder, account, target, options);
    return await startBinaryServer(
      {
        name: "PgBouncer",
        account,
        stopSignal: "SIGTERM", // At once: does not wait for clients to leave
        command: (port) => ["sh", "-c", SCRIPT, "pgbouncer", bin, `${port}`],
        url: (port) => `postgres://${USER}:${password}@127.0.0.1:${port}${target.pathname}`,
        ask: askPostgres,
      },
      watchdog,
      signal,
    );
  } catch (error) {
    await watchdog.end();
    throw error;
  }
}
