import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Redis } from "ioredis";
import { askRedis } from "./answers.ts";
import { startRedis } from "./redis.ts";
import { ServerError } from "./server.ts";
import { assertGone, tracesOf } from "./testdata/traces.ts";

async function call(url: string, command: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(url, { lazyConnect: true, protocol: 2, maxRetriesPerRequest: 1 });
  try {
    return await redis.call(command, ...args);
  } finally {
    redis.disconnect();
  }
}

Deno.test("startRedis() appends to a file, listens on loopback and asks for the password", async () => {
  await using server = await startRedis({ extraConfig: { maxmemory: "12mb" } });
  const config: Record<string, unknown> = {};
  for (const name of ["appendonly", "appendfsync", "bind", "maxmemory", "save"]) {
    const [key, value] = await call(server.url, "CONFIG", "GET", name) as [string, string];
    config[key] = value;
  }
  assertEquals(config, {
    appendonly: "yes",
    appendfsync: "everysec",
    bind: "127.0.0.1",
    maxmemory: `${12 * 1024 ** 2}`,
    save: "",
  });
  const { host } = new URL(server.url);
  await assertRejects(() => call(`redis://${host}`, "GET", "x"), Error, "NOAUTH");
});

Deno.test("startRedis() leaves no process and no folder when disposed of", async () => {
  const server = await startRedis();
  const traces = tracesOf(server);
  await server[Symbol.asyncDispose]();
  await assertGone(traces);
});

Deno.test("crash() and start() keep what the append-only file has", async () => {
  await using server = await startRedis({ extraConfig: { appendfsync: "always" } });
  await call(server.url, "SET", "kept", "1");
  await server.crash();
  await assertRejects(() => askRedis(server.url));
  await server.start();
  await call(server.url, "APPEND", "kept", "2");
  await server.restart();
  assertEquals(await call(server.url, "GET", "kept"), "12");
});

Deno.test("startRedis() without persistence forgets everything in a restart", async () => {
  await using server = await startRedis({ persistence: "none" });
  await call(server.url, "SET", "lost", "1");
  await server.restart();
  assertEquals(await call(server.url, "GET", "lost"), null);
});

Deno.test("kill() freezes and wakes the server", async () => {
  await using server = await startRedis();
  server.kill("SIGSTOP");
  await assertRejects(() => askRedis(server.url), Error, "No answer");
  server.kill("SIGCONT");
  await askRedis(server.url);
});

Deno.test("kill() refuses when the server is not running", async () => {
  await using server = await startRedis();
  await server.stop();
  let message = "";
  try {
    server.kill("SIGTERM");
  } catch (error) {
    message = (error as ServerError).message;
  }
  assertEquals(message, "Cannot send SIGTERM to Redis: it is not running");
});

Deno.test("startRedis() tells the end of the log when the server does not start", async () => {
  const error = await assertRejects(
    () => startRedis({ extraConfig: { maxmemory: "no size" } }),
    ServerError,
    "Cannot start Redis on port",
  );
  assertStringIncludes(error.message, "maxmemory");
});
