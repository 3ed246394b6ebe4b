import { configText, startRedis } from "./redis.ts";
import { callRedis } from "./redis_call.ts";
import { startRedisProgram } from "./redis_program.ts";
import type { OwnedServer, StartOptions } from "./server.ts";
import { until } from "./until.ts";

/** A primary, its replicas, and the Sentinels that watch them. */
export interface SentinelGroup extends AsyncDisposable {
  /** Where clients connect, credentials included: `redis+sentinel://…`. */
  readonly url: string;
  /** The servers; the first one is the primary at the start. */
  readonly servers: readonly OwnedServer[];
  /** The Sentinels. */
  readonly sentinels: readonly OwnedServer[];
  /** Which of the servers the Sentinels call the primary now. */
  primary(): Promise<OwnedServer>;
}

/** What the Sentinels call the servers. */
const GROUP = "main";

/** A server that is silent for so long is taken for dead, in milliseconds. */
const DOWN_MS = 500;

/**
 * Starts a primary with replicas, and three Sentinels, each a process of its own with passwords of their own.
 *
 * @param replicas how many replicas
 *
 * @example
 * ```ts
 * import { startSentinelGroup } from "@events-pipeline/local";
 *
 * await using group = await startSentinelGroup();
 * await (await group.primary()).crash();
 * ```
 */
export async function startSentinelGroup(replicas: number = 2, options: StartOptions = {}): Promise<SentinelGroup> {
  await using cleanUp = new AsyncDisposableStack();
  const password = crypto.randomUUID();
  const sentinelPassword = crypto.randomUUID();
  const start = async (extraConfig: Readonly<Record<string, string | number>>): Promise<OwnedServer> =>
    cleanUp.use(
      await startRedis({
        ...options,
        password,
        persistence: "none",
        extraConfig: { masterauth: password, "repl-diskless-sync-delay": 0, ...extraConfig },
      }),
    );
  const first = await start({});
  const port = portOf(first);
  const others = await Promise.all(Array.from({ length: replicas }, () => start({ replicaof: `127.0.0.1 ${port}` })));
  const servers = [first, ...others];
  await until("the replicas follow", async () => {
    const info = await Promise.all(others.map(({ url }) => callRedis(url, ["INFO", "replication"])));
    return info.every((text) => String(text).includes("master_link_status:up"));
  });
  const sentinels = await Promise.all(
    Array.from({ length: 3 }, async () => cleanUp.use(await startSentinel(port, password, sentinelPassword, options))),
  );
  await until("the Sentinels know all", async () => {
    const states = await Promise.all(sentinels.map(({ url }) => callRedis(url, ["SENTINEL", "MASTER", GROUP])));
    return states.every((state) => {
      const field = (name: string): number => Number((state as string[])[(state as string[]).indexOf(name) + 1]);
      return field("num-other-sentinels") === 2 && field("num-slaves") === replicas;
    });
  }, 20_000);
  const hosts = sentinels.map((sentinel) => `127.0.0.1:${portOf(sentinel)}`).join(",");
  const owned = cleanUp.move();
  return {
    url: `redis+sentinel://:${password}@${hosts}/${GROUP}?sentinelPassword=${sentinelPassword}`,
    servers,
    sentinels,
    async primary() {
      const [, port] = await callRedis(sentinels[0]!.url, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP]) as string[];
      return servers.find((server) => portOf(server) === Number(port))!;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function startSentinel(
  primaryPort: number,
  password: string,
  sentinelPassword: string,
  options: StartOptions,
): Promise<OwnedServer> {
  const config = {
    bind: "127.0.0.1",
    requirepass: sentinelPassword,
    "sentinel sentinel-pass": sentinelPassword,
    [`sentinel monitor ${GROUP}`]: `127.0.0.1 ${primaryPort} 2`,
    [`sentinel auth-pass ${GROUP}`]: password,
    [`sentinel down-after-milliseconds ${GROUP}`]: DOWN_MS,
    [`sentinel failover-timeout ${GROUP}`]: 2_000,
  };
  return startRedisProgram({
    files: (folder) => ({ "redis.conf": configText({ dir: `"${folder}"`, ...config }) }),
    args: (port) => ["--port", `${port}`, "--sentinel"],
    url: (port) => `redis://:${sentinelPassword}@127.0.0.1:${port}`,
  }, options);
}

function portOf(server: OwnedServer): number {
  return Number(new URL(server.url).port);
}
