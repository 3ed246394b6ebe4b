import { serverAccount } from "./account.ts";
import { askRedis } from "./answers.ts";
import { startBinaryServer } from "./binary_server.ts";
import { findRedis } from "./binaries.ts";
import { findOrInstall } from "./find_or_install.ts";
import type { OwnedServer, StartOptions } from "./server.ts";
import { Watchdog } from "./watchdog.ts";

/** A way to run `redis-server`: as a server or as a Sentinel. */
export interface RedisProgram {
  /** The files of its folder by name; `redis.conf` is its configuration. */
  readonly files: (folder: string) => Readonly<Record<string, string>>;
  /** The arguments after `redis.conf`. */
  readonly args: (port: number) => readonly string[];
  /** Where clients connect. */
  readonly url: (port: number) => string;
  /** The authority that signed its certificate, as PEM text. @default it has none */
  readonly ca?: string | undefined;
}

/** Starts `redis-server` on a free loopback port, with a temporary folder. It is installed first if need be. */
export async function startRedisProgram(program: RedisProgram, options: StartOptions): Promise<OwnedServer> {
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
    for (const [name, text] of Object.entries(program.files(watchdog.folder))) {
      const file = `${watchdog.folder}/${name}`;
      await Deno.writeTextFile(file, text, { mode: 0o600, createNew: true });
      if (account) await Deno.chown(file, account.uid, account.gid);
    }
    return await startBinaryServer(
      {
        name: "Redis",
        account,
        stopSignal: "SIGTERM",
        command: (port) => [`${bin}/redis-server`, `${watchdog.folder}/redis.conf`, ...program.args(port)],
        url: program.url,
        ask: (url, signal) => askRedis(url, signal, program.ca),
      },
      watchdog,
      signal,
    );
  } catch (error) {
    await watchdog.end();
    throw error;
  }
}
