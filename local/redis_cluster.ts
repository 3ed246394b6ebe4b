import { freePort } from "./free_port.ts";
import { startRedis } from "./redis.ts";
import { callRedis } from "./redis_call.ts";
import type { OwnedServer, StartOptions } from "./server.ts";
import { until } from "./until.ts";

/** A Redis Cluster of six processes. */
export interface RedisCluster extends AsyncDisposable {
  /** Where clients connect, credentials included: `redis+cluster://…`. */
  readonly url: string;
  /** At the start three primaries, each with a third of the slots, and then a replica of each. */
  readonly nodes: readonly OwnedServer[];
  /** Sends a command to one of the nodes. */
  call(node: OwnedServer, command: string, ...args: (string | number)[]): Promise<unknown>;
  /** The node that has a key now, as one of the others sees it. */
  ownerOf(key: string): Promise<OwnedServer>;
  /** The id of a node in the Cluster. */
  idOf(node: OwnedServer): Promise<string>;
}

/** A node that is silent for so long is taken for dead, in milliseconds. */
const NODE_MS = 1_000;

/** A range of slots in the reply to CLUSTER SLOTS. */
type SlotRange = [first: number, last: number, primary: [host: string, port: number], ...replicas: unknown[]];

const PRIMARIES = 3;
const SLOTS = 16_384;

/**
 * Starts six Redis servers and makes them a Cluster: three primaries with a replica each. While one of the primaries is away, the
 * others serve their slots.
 *
 * @example
 * ```ts
 * import { startRedisCluster } from "@events-pipeline/local";
 *
 * await using cluster = await startRedisCluster();
 * const owner = await cluster.ownerOf("stream:widgets:events");
 * await owner.crash();
 * ```
 */
export async function startRedisCluster(options: StartOptions = {}): Promise<RedisCluster> {
  await using cleanUp = new AsyncDisposableStack();
  const password = crypto.randomUUID();
  const busPorts = Array.from({ length: 2 * PRIMARIES }, freePort);
  const nodes = await Promise.all(busPorts.map(async (busPort) => {
    const server = await startRedis({
      ...options,
      password,
      persistence: "none",
      extraConfig: {
        masterauth: password,
        "cluster-enabled": "yes",
        "cluster-port": busPort,
        "cluster-node-timeout": NODE_MS,
        "cluster-require-full-coverage": "no",
        "cluster-replica-validity-factor": 0,
        "repl-diskless-sync-delay": 0,
      },
    });
    return cleanUp.use(server);
  }));
  const call: RedisCluster["call"] = (node, command, ...args) => callRedis(node.url, [command, ...args]);
  const idOf: RedisCluster["idOf"] = async (node) => String(await call(node, "CLUSTER", "MYID"));
  await join({ nodes, call, idOf }, busPorts);
  const owned = cleanUp.move();
  return {
    url: `redis+cluster://:${password}@${nodes.map((node) => `127.0.0.1:${portOf(node)}`).join(",")}`,
    nodes,
    call,
    idOf,
    async ownerOf(key) {
      const [slot, ranges] = await Promise.any(nodes.map(async (node) =>
        [
          Number(await call(node, "CLUSTER", "KEYSLOT", key)),
          await call(node, "CLUSTER", "SLOTS") as SlotRange[],
        ] as const
      ));
      const [, , primary] = ranges.find(([first, last]) => first <= slot && slot <= last)!;
      return nodes.find((node) => portOf(node) === primary[1])!;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Gives the first nodes the slots, has all of them meet, and makes the others replicas of the first. */
async function join(
  { nodes, call, idOf }: Pick<RedisCluster, "nodes" | "call" | "idOf">,
  busPorts: readonly number[],
): Promise<void> {
  const [first] = nodes;
  await Promise.all(nodes.map(async (node, i) => {
    await call(node, "CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    const [from, to] = [i, i + 1].map((third) => Math.floor(third * SLOTS / PRIMARIES));
    if (i < PRIMARIES) await call(node, "CLUSTER", "ADDSLOTSRANGE", from!, to! - 1);
    // Each meets the first one; of the others they learn from it.
    if (i > 0) await call(node, "CLUSTER", "MEET", "127.0.0.1", portOf(first!), busPorts[0]!);
  }));
  const lines = async (node: OwnedServer): Promise<string[]> =>
    String(await call(node, "CLUSTER", "NODES")).trimEnd().split("\n");
  const every = async (holds: (lines: string[]) => boolean): Promise<boolean> =>
    (await Promise.all(nodes.map(lines))).every(holds);
  await until(
    "all nodes know each other",
    () => every((lines) => lines.length === nodes.length && lines.every((line) => / connected( |$)/.test(line))),
    20_000,
  );
  await Promise.all(
    nodes.slice(PRIMARIES).map(async (node, i) => call(node, "CLUSTER", "REPLICATE", await idOf(nodes[i]!))),
  );
  await until(
    "all nodes know who replicates whom",
    () => every((lines) => lines.filter((line) => line.includes("slave")).length === PRIMARIES),
    20_000,
  );
  await until("the Cluster is up and replicated", async () => {
    const infos = await Promise.all(
      nodes.map(async (node) => `${await call(node, "CLUSTER", "INFO")}${await call(node, "INFO", "replication")}`),
    );
    return infos.every((info, i) =>
      info.includes("cluster_state:ok") && (i < PRIMARIES || info.includes("master_link_status:up"))
    );
  }, 20_000);
}

function portOf(server: OwnedServer): number {
  return Number(new URL(server.url).port);
}
