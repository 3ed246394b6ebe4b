import { type Account, serverAccount } from "./account.ts";
import { askRedis } from "./answers.ts";
import { startBinaryServer } from "./binary_server.ts";
import { findRedis } from "./binaries.ts";
import { findOrInstall } from "./find_or_install.ts";
import type { OwnedServer, StartOptions } from "./server.ts";
import { Watchdog } from "./watchdog.ts";

/** How {@linkcode startRedis} sets the server up. */
export interface RedisOptions extends StartOptions {
  /**
   * `"aof"` appends every write to a file that is synced every second; `"none"` loses
   * everything when the server ends.
   * @default "aof"
   */
  readonly persistence?: "aof" | "none";
  /** Further lines of `redis.conf`, by directive. @default none */
  readonly extraConfig?: Readonly<Record<string, string | number>>;
}

async function configure(
  folder: string,
  account: Account | undefined,
  options: RedisOptions,
): Promise<string> {
  const password = crypto.randomUUID().replaceAll("-", "");
  const config = {
    bind: "127.0.0.1",
    requirepass: password,
    dir: `"${folder}"`,
    daemonize: "no",
    save: '""',
    appendonly: options.persistence === "none" ? "no" : "yes",
    appendfsync: "everysec",
    ...options.extraConfig,
  };
  const lines = Object.entries(config).map(([name, value]) => `${name} ${value}\n`);
  const file = `${folder}/redis.conf`;
  await Deno.writeTextFile(file, lines.join(""), { mode: 0o600, createNew: true });
  if (account) await Deno.chown(file, account.uid, account.gid);
  return password;
}

/**
 * Starts a Redis of one's own on a free loopback port, with a random password and a temporary
 * data folder. It is installed first if it is missing and this is root on Debian or Ubuntu.
 *
 * @throws {ServerError} if it cannot be found, installed or started
 *
 * @example
 * ```ts
 * import { startRedis } from "@events-pipeline/local";
 *
 * await using server = await startRedis({ persistence: "none" });
 * await server.restart();
 * ```
 */
export async function startRedis(options: RedisOptions = {}): Promise<OwnedServer> {
  const { signal } = options;
  signal?.throwIfAborted();
  const bin = await findOrInstall({
    name: "Redis",
    debianPackage: "redis-server",
    variable: "REDIS_URL",
    find: findRedis,
  }, options);
  const account = await serverAccount(["redis", "nobody"]);
  const watchdog = await Watchdog.start("redis", { account, signal: "TERM" });
  try {
    const password = await configure(watchdog.folder, account, options);
    return await startBinaryServer(
      {
        name: "Redis",
        account,
        stopSignal: "SIGTERM",
        command: (port) => [
          `${bin}/redis-server`,
          ...[`${watchdog.folder}/redis.conf`, "--port", `${port}`],
        ],
        url: (port) => `redis://:${password}@127.0.0.1:${port}`,
        ask: askRedis,
      },
      watchdog,
      signal,
    );
  } catch (error) {
    await watchdog.end();
    throw error;
  }
}
