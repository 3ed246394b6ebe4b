import { assertEquals, assertNotEquals } from "@std/assert";
import { askRedis } from "./answers.ts";
import { startRedis } from "./redis.ts";

Deno.test("startBinaryServer() tries another port when somebody was faster", async () => {
  await using first = await startRedis();
  const taken = Number(new URL(first.url).port);
  // As if `freePort` had offered the taken port, and then a free one
  const { random } = Math;
  const offers = [(taken - 20_000 + 0.5) / 10_000];
  const { listen } = Deno;
  Math.random = () => offers.pop() ?? random();
  Deno.listen = (() => ({ close: () => {} })) as unknown as typeof Deno.listen;
  try {
    await using second = await startRedis();
    assertEquals(offers, []);
    assertNotEquals(second.url, first.url);
    await askRedis(second.url);
  } finally {
    Math.random = random;
    Deno.listen = listen;
  }
});
