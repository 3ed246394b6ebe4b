import { type Account, serverAccount } from "./account.ts";
import { askPostgres } from "./answers.ts";
import { startBinaryServer } from "./binary_server.ts";
import { findPostgres } from "./binaries.ts";
import { findOrInstall } from "./find_or_install.ts";
import { logTail, spawnGuarded } from "./guarded_process.ts";
import { type OwnedServer, ServerError, type StartOptions } from "./server.ts";
import { Watchdog } from "./watchdog.ts";

/** How {@linkcode startPostgres} sets the server up. */
export interface PostgresOptions extends StartOptions {
  /**
   * Settings for `postgresql.conf`, besides `max_connections = 200` and loopback only.
   * @default PostgreSQL's own, which are durable
   */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

const USER = "postgres";

/** Creates the data folder, with a random password for the only user, and returns it. */
async function initialize(
  watchdog: Watchdog,
  bin: string,
  account: Account | undefined,
): Promise<string> {
  const password = crypto.randomUUID().replaceAll("-", "");
  const file = `${watchdog.folder}/password`;
  const log = `${watchdog.folder}/log.initdb`;
  await Deno.writeTextFile(file, password, { mode: 0o600, createNew: true });
  if (account) await Deno.chown(file, account.uid, account.gid);
  const child = await spawnGuarded(watchdog, [
    `${bin}/initdb`,
    ...["--pgdata", `${watchdog.folder}/data`],
    ...["--username", USER, "--pwfile", file, "--auth", "scram-sha-256"],
    ...["--encoding", "UTF8", "--locale", "C"],
    "--no-sync", // What is not there after a crash of the machine is nobody's data yet.
  ], { log, account });
  const { code } = await child.status;
  await watchdog.release();
  await Deno.remove(file);
  if (code === 0) return password;
  throw new ServerError(
    `Cannot create a PostgreSQL data folder: initdb exited with code ${code}\n${await logTail(
      log,
    )}`,
  );
}

async function configure(folder: string, options: PostgresOptions): Promise<void> {
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: 200,
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'\n`);
  await Deno.writeTextFile(`${folder}/data/postgresql.conf`, lines.join(""), { append: true });
}

/**
 * Starts a PostgreSQL of one's own on a free loopback port, with an empty database `postgres`, a
 * random password and a temporary data folder. It is installed first if it is missing and this
 * is root on Debian or Ubuntu.
 *
 * @throws {ServerError} if it cannot be found, installed or started
 *
 * @example
 * ```ts
 * import { startPostgres } from "@events-pipeline/local";
 *
 * await using server = await startPostgres({ settings: { wal_level: "logical" } });
 * await server.crash();
 * await server.start();
 * ```
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<OwnedServer> {
  const { signal } = options;
  signal?.throwIfAborted();
  const bin = await findOrInstall({
    name: "PostgreSQL",
    debianPackage: "postgresql",
    variable: "DATABASE_URL",
    find: findPostgres,
  }, options);
  const account = await serverAccount(["postgres", "nobody"]);
  const watchdog = await Watchdog.start("postgres", { account, signal: "INT" });
  try {
    const password = await initialize(watchdog, bin, account);
    await configure(watchdog.folder, options);
    return await startBinaryServer(
      {
        name: "PostgreSQL",
        account,
        stopSignal: "SIGINT", // Fast shutdown: does not wait for clients to leave
        command: (port) => [
          `${bin}/postgres`,
          ...["-D", `${watchdog.folder}/data`, "-p", `${port}`],
        ],
        url: (port) => `postgres://${USER}:${password}@127.0.0.1:${port}/postgres`,
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
