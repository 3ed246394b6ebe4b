import { connectRedis } from "@events-pipeline/common/redis";
import { freePort } from "@events-pipeline/local/free_port";
import { callRedis } from "@events-pipeline/local/redis_call";
import { startTcpProxy, type TcpProxy } from "@events-pipeline/local/tcp_proxy";
import { until } from "@events-pipeline/local/until";
import { assertEquals, assertRejects } from "@std/assert";

Deno.test("RedisConnection.close() fails what waits for a server that is away, and returns", async () => {
  const redis = connectRedis(`redis://127.0.0.1:${freePort()}`, { clientName: "test" });
  const waiting = assertRejects(() => redis.call("PING"), Error, "closed");
  await new Promise((resolve) => setTimeout(resolve, 200)); // Amid its tries.
  await redis.close();
  await waiting;
});

Deno.test("Evaluation.waitForReplicas() counts on no connection but the one that has written", async () => {
  await using proxy = await startTcpProxy(Deno.env.get("REDIS_URL")!);
  const redis = connectRedis(proxy.url, { clientName: "test" });
  const script = { name: "testTouch", lua: "return redis.call('SET', KEYS[1], 'x', 'PX', 1)" };
  const key = `test-${crypto.randomUUID()}`;
  const lost = "the connection was lost on which the replicas' answer was to come";
  try {
    const evaluation = await redis.evaluate(script, key, []);
    assertEquals(await evaluation.waitForReplicas(1, 1), 0);
    // Sent again on the next connection, which has written nothing, it would be told that all replicas are up to date.
    const waiting = assertRejects(() => evaluation.waitForReplicas(1, 60_000), Error, lost);
    await until("it waits", async () => / cmd=wait /.test(String(await listClients())));
    proxy.cut();
    await waiting;
    await assertRejects(() => evaluation.waitForReplicas(0, 1), Error, lost);
  } finally {
    await redis.close();
  }
});

for (
  const [when, spoil] of [
    ["was never sent", (proxy: TcpProxy) => (proxy.refuse(), proxy.cut())],
    ["has had no answer", (proxy: TcpProxy) => proxy.stall()],
  ] as const
) {
  Deno.test(`RedisConnection.call() sends nothing on the next connection for a caller who has given up: it ${when}`, async () => {
    await using proxy = await startTcpProxy(Deno.env.get("REDIS_URL")!);
    const redis = connectRedis(proxy.url, { clientName: "test", commandTimeoutMs: 500 });
    const key = `test-${crypto.randomUUID()}`;
    try {
      await redis.call("SET", key, 0, "PX", 60_000);
      spoil(proxy);
      await assertRejects(() => redis.call("INCR", key), Error, "Cannot wait for Redis any longer");
      proxy.cut();
      await proxy.calm();
      await until("it is back", () => redis.call("PING").then(() => true, () => false));
      assertEquals(await redis.call("GET", key), "0");
    } finally {
      await redis.close();
    }
  });
}

async function listClients(): Promise<unknown> {
  return await callRedis(Deno.env.get("REDIS_URL")!, ["CLIENT", "LIST"]);
}
