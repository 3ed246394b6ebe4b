import { assertEquals, assertRejects } from "@std/assert";
import { askPostgres, askRedis } from "./answers.ts";
import { freePort } from "./free_port.ts";
import { startRedis } from "./redis.ts";
import { ServerError } from "./server.ts";
import { startStack } from "./stack.ts";

Deno.test("startStack() starts both servers, and stops them", async () => {
  const stack = await startStack();
  await askPostgres(stack.databaseUrl);
  await askRedis(stack.redisUrl);
  await stack.stop();
  await stack.stop();
  await assertRejects(() => askPostgres(stack.databaseUrl));
  await assertRejects(() => askRedis(stack.redisUrl));
});

Deno.test("startStack() uses a server of the environment and leaves it running", async () => {
  await using redis = await startRedis();
  const said: string[] = [];
  const stack = await startStack({
    environment: { REDIS_URL: redis.url, DATABASE_URL: "" },
    say: (line) => said.push(line),
  });
  assertEquals(stack.redisUrl, redis.url);
  assertEquals(said, ["Using the server of REDIS_URL"]);
  await stack.stop();
  await askRedis(redis.url);
});

for (
  const [variable, scheme] of [["DATABASE_URL", "postgres"], ["REDIS_URL", "redis"]] as const
) {
  Deno.test(`startStack() says so when the server of ${variable} does not answer`, async () => {
    const environment = { [variable]: `${scheme}://127.0.0.1:${freePort()}` };
    await assertRejects(
      () => startStack({ environment }),
      ServerError,
      `Cannot use the server of ${variable}: it does not answer: connect ECONNREFUSED`,
    );
  });
}
