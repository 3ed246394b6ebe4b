import type { Certificates } from "./certificates.ts";
import { startRedisProgram } from "./redis_program.ts";
import type { OwnedServer, StartOptions } from "./server.ts";

/** How {@linkcode startRedis} sets the server up. */
export interface RedisOptions extends StartOptions {
  /**
   * `"aof"` appends every write to a file that is synced every second; `"none"` loses
   * everything when the server ends.
   * @default "aof"
   */
  readonly persistence?: "aof" | "none";
  /** The password of the user `default`. @default a random one */
  readonly password?: string;
  /** Has it take nothing but TLS, with this certificate; clients need none. @default no TLS */
  readonly tls?: Certificates;
  /** Further lines of `redis.conf`, by directive. @default none */
  readonly extraConfig?: Readonly<Record<string, string | number>>;
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
  const { tls, password = crypto.randomUUID().replaceAll("-", "") } = options;
  return await startRedisProgram({
    files: (folder) => ({
      "redis.conf": configText({
        bind: "127.0.0.1",
        requirepass: password,
        dir: `"${folder}"`,
        daemonize: "no",
        save: '""',
        appendonly: options.persistence === "none" ? "no" : "yes",
        appendfsync: "everysec",
        ...(tls === undefined ? {} : {
          "tls-ca-cert-file": `"${folder}/ca.pem"`,
          "tls-cert-file": `"${folder}/cert.pem"`,
          "tls-key-file": `"${folder}/key.pem"`,
          "tls-auth-clients": "optional",
        }),
        ...options.extraConfig,
      }),
      ...(tls === undefined ? {} : { "ca.pem": tls.ca, "cert.pem": tls.cert, "key.pem": tls.key }),
    }),
    args: (port) => tls === undefined ? ["--port", `${port}`] : ["--port", "0", "--tls-port", `${port}`],
    url: (port) => `redis${tls === undefined ? "" : "s"}://:${password}@127.0.0.1:${port}`,
    ca: tls?.ca,
  }, options);
}

/** The text of a `redis.conf`. */
export function configText(config: Readonly<Record<string, string | number>>): string {
  return Object.entries(config).map(([name, value]) => `${name} ${value}\n`).join("");
}
