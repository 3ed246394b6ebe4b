import { connectRedis } from "@events-pipeline/common/redis";
import { freePort } from "@events-pipeline/local/free_port";
import { assertRejects } from "@std/assert";

Deno.test("RedisConnection.close() fails what waits for a server that is away, and returns", async () => {
  const redis = connectRedis(`redis://127.0.0.1:${freePort()}`, { clientName: "test" });
  const waiting = assertRejects(() => redis.call("PING"), Error, "closed");
  await new Promise((resolve) => setTimeout(resolve, 200)); // Amid its tries.
  await redis.close();
  await waiting;
});
