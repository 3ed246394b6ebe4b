import { connectRedis, type RedisConnection, type RedisScript } from "@events-pipeline/common/redis";
import { type RedisCluster, startRedisCluster } from "@events-pipeline/local";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { slotOfKey } from "./redis_slots.ts";

const APPEND: RedisScript = {
  name: "testAppend",
  lua: `
-- KEYS[1]  a string
-- ARGV[1]  what is put at its end
-- Replies its length.
return redis.call('APPEND', KEYS[1], ARGV[1])
`,
};

/** A key of each primary's, by the primary's place among the nodes. */
const keys = ["a", "b", "c", "d", "e", "f", "g", "h"].reduce<Map<number, string>>((found, key) => {
  const third = Math.floor(slotOfKey(key) * 3 / 16_384);
  return found.has(third) ? found : found.set(third, key);
}, new Map());

/** Begins to move the slot of a key to another primary. */
async function beginMove(cluster: RedisCluster, key: string): Promise<{ from: number; to: number; slot: number }> {
  const from = cluster.nodes.indexOf(await cluster.ownerOf(key));
  const to = (from + 1) % 3;
  const slot = slotOfKey(key);
  const [source, target] = [cluster.nodes[from]!, cluster.nodes[to]!];
  await cluster.call(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", await cluster.idOf(source));
  await cluster.call(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", await cluster.idOf(target));
  return { from, to, slot };
}

async function endMove(
  cluster: RedisCluster,
  { from, to, slot }: Awaited<ReturnType<typeof beginMove>>,
): Promise<void> {
  const id = await cluster.idOf(cluster.nodes[to]!);
  for (const node of [to, from]) await cluster.call(cluster.nodes[node]!, "CLUSTER", "SETSLOT", slot, "NODE", id);
}

async function withConnection(
  cluster: RedisCluster,
  work: (redis: RedisConnection) => Promise<void>,
  options: { readonly connectionPerSlot?: boolean } = {},
): Promise<void> {
  const redis = connectRedis(cluster.url, { clientName: "test", ...options });
  try {
    await work(redis);
  } finally {
    await redis.close();
  }
}

Deno.test("connectRedis() on a Cluster of six", async (t) => {
  await using cluster = await startRedisCluster();
  const clientsOf = async (node: number): Promise<number> =>
    String(await cluster.call(cluster.nodes[node]!, "CLIENT", "LIST")).split("name=test ").length - 1;

  await t.step("sends each command to the node of its key", () =>
    withConnection(cluster, async (redis) => {
      for (const [node, key] of keys) {
        assertEquals(await redis.call("SET", key, "x"), "OK");
        assertEquals(await cluster.call(cluster.nodes[node]!, "GET", key), "x");
        assertEquals((await redis.evaluate(APPEND, key, ["y"])).reply, 2);
        assertEquals(await redis.call("XADD", `stream-{${key}}`, "1-1", "f", "v"), "1-1");
        const [read] = await redis.call("XREAD", "STREAMS", `stream-{${key}}`, "0-0") as [string, unknown][];
        assertEquals(read![0], `stream-{${key}}`);
      }
    }));

  await t.step(
    "asks every primary once, and the node of a key for what names no key",
    () =>
      withConnection(cluster, async (redis) => {
        const runIds = (await redis.callPrimaries("INFO", "server")).map((text) =>
          /run_id:(\w+)/.exec(String(text))![1]
        );
        assertEquals(new Set(runIds).size, 3);
        for (const [node, key] of keys) {
          const own = /run_id:(\w+)/.exec(String(await redis.callAt(key, "INFO", "server")))![1];
          const its = /run_id:(\w+)/.exec(String(await cluster.call(cluster.nodes[node]!, "INFO", "server")))![1];
          assertEquals(own, its);
        }
        await assertRejects(
          () => redis.call("INFO"),
          TypeError,
          "Cannot send INFO to a Redis Cluster: it names no key, so no node is the one to ask",
        );
      }),
  );

  await t.step(
    "waits for the replicas of the node that was written to",
    () =>
      withConnection(cluster, async (redis) => {
        for (const [node, key] of keys) {
          const evaluation = await redis.evaluate(APPEND, key, ["z"]);
          assertEquals(await evaluation.waitForReplicas(1, 5_000), 1);
          const replica = cluster.nodes[node + 3]!;
          replica.kill("SIGSTOP");
          const unheard = await redis.evaluate(APPEND, key, ["z"]);
          assertEquals(await unheard.waitForReplicas(1, 50), 0);
          replica.kill("SIGCONT");
          assertEquals(await unheard.waitForReplicas(1, 5_000), 1);
        }
      }),
  );

  await t.step(
    "with a connection for each slot, a read that blocks holds up no other slot",
    () =>
      withConnection(cluster, async (redis) => {
        const keys = Array.from({ length: 100 }, (_, i) => `k${i}`).filter((key) => slotOfKey(key) < 16_384 / 3);
        const [key, other] = keys;
        const blocked = redis.call("XREAD", "BLOCK", 60_000, "STREAMS", key!, "$");
        const reader = async (): Promise<string | undefined> =>
          /id=(\d+) .* cmd=xread /.exec(String(await redis.callAt(other!, "CLIENT", "LIST")))?.[1];
        await until("the read blocks", async () => await reader() !== undefined);
        assertEquals(await redis.callAt(other!, "CLIENT", "UNBLOCK", (await reader())!), 1);
        assertEquals(await blocked, null);
      }, { connectionPerSlot: true }),
  );

  await t.step("follows a slot while it moves, and when it has moved", () =>
    withConnection(cluster, async (redis) => {
      let changes = 0;
      redis.onReconnect(() => changes++);
      const key = keys.get(0)!;
      await redis.call("SET", key, "");
      const move = await beginMove(cluster, key);
      const target = cluster.nodes[move.to]!;
      // The key is still there; a new one of its slot is made at the target.
      assertEquals((await redis.evaluate(APPEND, key, ["1"])).reply, 1);
      assertEquals((await redis.evaluate(APPEND, `{${key}}new`, ["1"])).reply, 1);
      const { port, password } = new URL(target.url);
      await cluster.call(
        cluster.nodes[move.from]!,
        ...["MIGRATE", "127.0.0.1", port, key, 0, 5_000, "AUTH", password] as const,
      );
      assertEquals((await redis.evaluate(APPEND, key, ["2"])).reply, 2);
      assertEquals(await redis.call("GET", key), "12");
      assertEquals(changes, 0);
      await endMove(cluster, move);
      assertEquals((await redis.evaluate(APPEND, key, ["3"])).reply, 3);
      assertEquals(await cluster.call(target, "GET", key), "123");
      assert(changes > 0, "nobody was told that the slot has moved");
    }));

  await t.step("a URL of one server says that the server is of a Cluster", async () => {
    const redis = connectRedis(cluster.nodes[0]!.url, { clientName: "test" });
    try {
      const { message } = await assertRejects(() => redis.call("GET", keys.get(2)!), Error);
      assertMatch(message, /^MOVED \d+ .*: GET on \w\. The server is of a Redis Cluster, .* redis\+cluster:\/\/$/);
    } finally {
      await redis.close();
    }
  });

  await t.step(
    "fails at once for a slot that no node has, and for no other one",
    () =>
      withConnection(cluster, async (redis) => {
        const key = keys.get(1)!;
        const slot = slotOfKey(key);
        for (const node of cluster.nodes.slice(0, 3)) {
          await cluster.call(node, "CLUSTER", "DELSLOTS", slot).catch(() => {});
        }
        await assertRejects(() => redis.call("GET", key), Error, "CLUSTERDOWN Hash slot");
        await redis.call("SET", keys.get(2)!, "x");
        await cluster.call(cluster.nodes[1]!, "CLUSTER", "ADDSLOTS", slot);
        await until("the slot is found again", () => redis.call("SET", key, "x").then(() => true, () => false));
      }),
  );

  await t.step("close() leaves no connection behind", async () => {
    for (const node of [0, 1, 2]) await until("they are gone", async () => await clientsOf(node) === 0);
  });
});

Deno.test("connectRedis() says which nodes of a Cluster do not answer, and why", async () => {
  const redis = connectRedis("redis+cluster://127.0.0.1:1,127.0.0.1:2", { clientName: "test" });
  try {
    const error = await assertRejects(() => redis.call("GET", "x"), Error, "Cannot wait for Redis any longer");
    const [reason, cause] = [error.message, String((error.cause as Error).message)];
    assert(reason.includes("no node of the Cluster says who has which slot"), reason);
    assert(/127\.0\.0\.1:1: .*ECONNREFUSED.*; 127\.0\.0\.1:2: .*ECONNREFUSED/.test(cause), cause);
  } finally {
    await redis.close();
  }
});
