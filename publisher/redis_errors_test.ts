import { assertRight, checkPipeline } from "@events-pipeline/checker";
import { defineStreamName, type Event, type StreamName } from "@events-pipeline/common";
import { connectRedis, type RedisConnection } from "@events-pipeline/common/redis";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startRedis } from "@events-pipeline/local";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Redis } from "ioredis";
import { readEntriesAfter } from "./stream_range.ts";
import { livePublisher } from "./testdata/live_publisher.ts";

type Command = readonly [command: string, ...args: string[]];

/** How a fault of the whole server is made, what health says of it, and how it ends. */
interface Fault {
  readonly begin: readonly Command[];
  readonly reason: RegExp;
  readonly end: readonly Command[];
}

const faults: Record<string, Fault> = {
  "READONLY (it became a replica)": {
    begin: [["REPLICAOF", "127.0.0.1", "1"]],
    reason: /READONLY/,
    end: [["REPLICAOF", "NO", "ONE"]],
  },
  "OOM (maxmemory with noeviction)": {
    begin: [["CONFIG", "SET", "maxmemory", "1"]],
    reason: /OOM/,
    end: [["CONFIG", "SET", "maxmemory", "0"]],
  },
  "NOREPLICAS (too few replicas to write)": {
    begin: [["CONFIG", "SET", "min-replicas-to-write", "1"]],
    reason: /NOREPLICAS/,
    end: [["CONFIG", "SET", "min-replicas-to-write", "0"]],
  },
  "MISCONF (it cannot write its dump)": {
    begin: [["CONFIG", "SET", "save", "3600 1"], ["CONFIG", "SET", "dir", "/proc"], ["BGSAVE"]],
    reason: /MISCONF/,
    end: [["CONFIG", "SET", "save", ""]],
  },
  "NOPERM (the user may not run scripts)": {
    begin: [["ACL", "SETUSER", "default", "-eval", "-evalsha"]],
    reason: /NOPERM/,
    end: [["ACL", "SETUSER", "default", "+eval", "+evalsha"]],
  },
};

function widgets(count: number): Event[] {
  return Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
}

const reaches = async (redis: RedisConnection, stream: StreamName, length: number): Promise<boolean> =>
  Number(await redis.call("XLEN", stream)) === length;

/** Waits until all is marked; then the stream must hold what was sent, in its order, each event once. */
async function streamIs({ sql, stream }: TestPipeline, redis: RedisConnection, sent: readonly string[]): Promise<void> {
  await until(
    "everything is marked",
    async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
  );
  const truth = new Map([[stream, sent]]);
  assertRight(await checkPipeline({ sql, redis, streams: [stream], sent: truth, complete: true }));
}

Deno.test("runPublisher() waits out every fault of Redis, marks nothing meanwhile, says why, and goes on", async (t) => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await using server = await startRedis({ persistence: "none", extraConfig: { "enable-protected-configs": "yes" } });
  const admin = connectRedis(server.url, { clientName: "admin" });
  try {
    await using publisher = livePublisher(pipeline.databaseUrl, server.url);
    const sent: string[] = [];
    const send = async () => void sent.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) })));
    for (const [name, fault] of Object.entries(faults)) {
      await t.step(name, async () => {
        await send();
        await until("it publishes", () => reaches(admin, stream, sent.length));
        for (const [command, ...args] of fault.begin) await admin.call(command, ...args);
        if (name.startsWith("MISCONF")) {
          await until(
            "the dump has failed",
            async () => String(await admin.call("INFO", "persistence")).includes("rdb_last_bgsave_status:err"),
          );
        }
        await send();
        await until("health says why", () => fault.reason.test(publisher.health.faults().get(stream) ?? ""));
        const [row] = await sql`SELECT count(*)::int AS n FROM events.outbox_event WHERE published_at IS NULL`;
        assertEquals(row!["n"], 5);
        for (const [command, ...args] of fault.end) await admin.call(command, ...args);
        await until("it goes on", () => reaches(admin, stream, sent.length));
        await until("health is well", () => publisher.health.faults().size === 0);
      });
    }
    await t.step("NOSCRIPT (SCRIPT FLUSH) is not even felt", async () => {
      await admin.call("SCRIPT", "FLUSH");
      await send();
      await until("it goes on", () => reaches(admin, stream, sent.length));
    });
    await streamIs(pipeline, admin, sent);
  } finally {
    await admin.close();
  }
});

Deno.test("runPublisher() waits while Redis loads its data (LOADING), marks nothing meanwhile, says why, and goes on", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  // It takes 50 ms over each key that it loads, until it is told to hurry, and looks at its clients often.
  await using server = await startRedis({
    extraConfig: { "key-load-delay": 50_000, "loading-process-events-interval-bytes": 1_024 },
  });
  const admin = connectRedis(server.url, { clientName: "admin", commandTimeoutMs: 20_000 });
  try {
    for (let i = 0; i < 150; i++) await admin.call("SET", `key-${i}`, crypto.randomUUID().repeat(2));
    await admin.call("BGREWRITEAOF");
    await until(
      "its file is written",
      async () =>
        /aof_rewrite_in_progress:0[^]*aof_base_size:[1-9]\d{3}/.test(String(await admin.call("INFO", "persistence"))),
    );
    await using publisher = livePublisher(pipeline.databaseUrl, server.url);
    const sent: string[] = [];
    const send = async () => void sent.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) })));
    await send();
    await until("it publishes", () => reaches(admin, stream, 5));
    await server.stop();
    const starting = server.start();
    await until("it loads", async () => /^LOADING/.test(await refusal(server.url)));
    await send();
    await until("health says why", () => /LOADING|Redis any longer/.test(publisher.health.faults().get(stream) ?? ""));
    const [row] = await sql`SELECT count(*)::int AS n FROM events.outbox_event WHERE published_at IS NULL`;
    assertEquals(row!["n"], 5);
    assertMatch(await refusal(server.url), /^LOADING/); // It still does.
    await askEarly(server.url, "CONFIG", "SET", "key-load-delay", "0");
    await starting;
    await until("it goes on", () => reaches(admin, stream, 10));
    await until("health is well", () => publisher.health.faults().size === 0);
    await streamIs(pipeline, admin, sent);
  } finally {
    await admin.close();
  }
});

/** What a Redis says to a client that does not wait until it is ready; empty when it answers, or takes no connection. */
async function refusal(url: string): Promise<string> {
  return await askEarly(url, "GET", "key-0").then(() => "", (error: Error) => error.message);
}

/** Asks a Redis that may not be ready. */
async function askEarly(url: string, command: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(url, { lazyConnect: true, enableReadyCheck: false, protocol: 2, retryStrategy: () => null });
  client.on("error", () => {});
  try {
    await client.connect();
    return await client.call(command, ...args);
  } finally {
    if (client.status !== "end") {
      const ended = new Promise((resolve) => client.once("end", resolve));
      client.disconnect();
      await ended;
    }
  }
}

Deno.test("runPublisher() holds back a stream whose key is of the wrong type, and no other", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  const other = defineStreamName(`${stream.replace(/:events$/, "")}-other:events`);
  await redis.call("SET", stream, "not a stream");
  try {
    await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
    const sent = await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) }));
    await until("health says why", () => /WRONGTYPE/.test(publisher.health.faults().get(stream) ?? ""));
    await sql.begin((tx) => sendEvents(tx, { stream: other, events: widgets(5) }));
    await until("the other stream goes on", () => reaches(redis, other, 5));
    assert(!publisher.health.faults().has(other));
    await redis.call("DEL", stream);
    await until("it goes on", () => reaches(redis, stream, 5));
    await streamIs(pipeline, redis, sent);
  } finally {
    await redis.call("DEL", other);
  }
});

Deno.test("runPublisher() names a row that is too large, publishes what is before it, and skips nothing", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis, stream } = pipeline;
  const large = WidgetCreated.create({ widget_id: "x".repeat(2_000), owner_id: "o" });
  const sent = await sql.begin((tx) => sendEvents(tx, { stream, events: [...widgets(3), large, ...widgets(3)] }));
  await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl, { maxEventBytes: 1_000 });
  await until("health names the row", () => publisher.health.faults().get(stream)?.includes(sent[3]!) ?? false);
  assertMatch(
    publisher.health.faults().get(stream)!,
    /outbox row 4 \(WidgetCreated, event .*\) has 2\d\d\d bytes and may have 1000/,
  );
  assertEquals((await readEntriesAfter(redis, stream, "0-0", 10)).map(({ eventId }) => eventId), sent.slice(0, 3));
  await sql`DELETE FROM events.outbox_event WHERE event_id = ${sent[3]!}`;
  await until("it goes on", () => reaches(redis, stream, 6));
});
