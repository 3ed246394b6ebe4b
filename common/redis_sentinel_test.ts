import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import { callRedis } from "@events-pipeline/local/redis_call";
import { startSentinelGroup } from "@events-pipeline/local";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describeError } from "./logger.ts";

async function withConnection(url: string, work: (redis: RedisConnection) => Promise<void>): Promise<void> {
  const redis = connectRedis(url, { clientName: "test", commandTimeoutMs: 800 });
  try {
    await work(redis);
  } finally {
    await redis.close();
  }
}

/** The port of the server that a connection leads to. */
async function portBehind(redis: RedisConnection): Promise<string> {
  return /tcp_port:(\d+)/.exec(String(await redis.call("INFO", "server")))![1]!;
}

const portOf = (server: { readonly url: string }): string => new URL(server.url).port;

Deno.test("connectRedis() with Sentinels", async (t) => {
  await using group = await startSentinelGroup(1);

  await t.step("finds the primary", () =>
    withConnection(group.url, async (redis) => {
      assertEquals(await portBehind(redis), portOf(await group.primary()));
      assertEquals(await redis.call("SET", "key", "x"), "OK");
    }));

  await t.step("passes over Sentinels that do not answer", () => {
    const [before, after] = group.url.split("@");
    return withConnection(`${before}@127.0.0.1:1,${after}`, async (redis) => {
      assertEquals(await redis.call("GET", "key"), "x");
    });
  });

  await t.step("says of each Sentinel why it has no primary", async () => {
    const reasonOf = async (url: string): Promise<string> => {
      let reason = "";
      await withConnection(url, async (redis) => {
        reason = describeError(await assertRejects(() => redis.call("GET", "key"), Error));
      });
      return reason;
    };
    const unknown = await reasonOf(group.url.replace("/main", "/other"));
    assertMatch(unknown, /Cannot find the primary of 'other': (127\.0\.0\.1:\d+: it does not know 'other'(; |$| )){3}/);
    const refused = await reasonOf(group.url.replace(/sentinelPassword=.*/, "sentinelPassword=wrong"));
    assertMatch(refused, /Cannot find the primary of 'main': 127\.0\.0\.1:\d+: WRONGPASS/);
    assert(!refused.includes("=wrong"));
    assertMatch(await reasonOf(group.url.replace(/\?.*/, "")), /127\.0\.0\.1:\d+: NOAUTH/);
  });

  await t.step(
    "leaves a server that was demoted behind its back at the first READONLY",
    () =>
      withConnection(group.url, async (redis) => {
        const primary = await group.primary();
        await redis.call("SET", "key", "x");
        // Not by the Sentinels, which would cut the connections; they put it right after a while.
        await callRedis(primary.url, ["REPLICAOF", "127.0.0.1", "1"]);
        await assertRejects(() => redis.call("SET", "key", "y"), Error, "READONLY");
        await callRedis(primary.url, ["REPLICAOF", "NO", "ONE"]);
        let error: unknown;
        await until("it writes again", () =>
          redis.call("SET", "key", "z").then(() => true, (reason) => {
            error = reason;
            return false;
          }));
        assert(!String(error).includes("READONLY"), "it stayed with the server that takes no writes");
      }),
  );

  await t.step(
    "goes on with the server that is promoted when the primary dies, and tells of it",
    () =>
      withConnection(group.url, async (redis) => {
        let changes = 0;
        redis.onReconnect(() => changes++);
        const old = await portBehind(redis);
        await (await group.primary()).crash();
        await until("it writes again", () => redis.call("SET", "key", "y").then(() => true, () => false), 20_000);
        const now = await portBehind(redis);
        assert(now !== old);
        assertEquals(now, portOf(await group.primary()));
        assertEquals(changes, 1);
      }),
  );
});

Deno.test("RedisConnection.close() returns while no Sentinel answers", async () => {
  const redis = connectRedis("redis+sentinel://127.0.0.1:1,127.0.0.1:2/main", { clientName: "test" });
  const waiting = assertRejects(() => redis.call("PING"), Error, "closed");
  await new Promise((resolve) => setTimeout(resolve, 200)); // Amid its tries.
  await redis.close();
  await waiting;
});
