import type { StreamName } from "@events-pipeline/common";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { startPostgres, startRedis } from "@events-pipeline/local";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals } from "@std/assert";
import { silentLogger } from "@events-pipeline/common/logger";
import { acceptForeign } from "./accept_foreign.ts";
import { readEntriesAfter } from "./stream_range.ts";
import { livePublisher } from "./testdata/live_publisher.ts";
import { sendSteadily } from "./testdata/steady_sender.ts";
import { streamIsOutbox } from "./testdata/stream_is_outbox.ts";

const growsBeyond = (list: readonly unknown[], count: number) => () => list.length > count;

Deno.test("runPublisher() goes on after PostgreSQL is restarted, and after it crashes, under load", async () => {
  await using server = await startPostgres();
  await using pipeline = await testPipeline({ postgresUrl: server.url });
  await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
  await using sender = sendSteadily(pipeline.sql, pipeline.stream);
  for (const breakIt of [() => server.restart(), () => server.crash().then(() => server.start())]) {
    const before = sender.acknowledged.length;
    await until("it sends", growsBeyond(sender.acknowledged, before + 50));
    await breakIt();
  }
  await until("it sends again", growsBeyond(sender.acknowledged, sender.acknowledged.length + 50), 30_000);
  await sender.stop();
  await streamIsOutbox(pipeline, sender.acknowledged);
  await until("health is well", () => publisher.health.faults().size === 0);
});

/** What happens to a Redis with an append-only file, that a publisher and a sender are using. */
const redisFaults: Record<
  string,
  (server: Awaited<ReturnType<typeof startRedis>>, grown: () => Promise<void>) => Promise<void>
> = {
  "is restarted": (server) => server.restart(),
  "is killed with -9": async (server) => {
    await server.crash();
    await server.start();
  },
  "comes back with an older copy of its file": async (server, grown) => {
    const copy = `${server.folder}/copy`;
    await server.stop();
    await run("cp", "-a", `${server.folder}/appendonlydir`, copy);
    await server.start();
    await grown();
    await server.crash();
    await Deno.remove(`${server.folder}/appendonlydir`, { recursive: true });
    await Deno.rename(copy, `${server.folder}/appendonlydir`);
    await server.start();
  },
  "comes back empty": async (server) => {
    await server.crash();
    await Deno.remove(`${server.folder}/appendonlydir`, { recursive: true });
    await server.start();
  },
};

for (const [name, breakIt] of Object.entries(redisFaults)) {
  Deno.test(`runPublisher() goes on, and puts back what is lost, when Redis ${name} under load`, async () => {
    await using server = await startRedis();
    await using pipeline = await testPipeline({ redisUrl: server.url });
    await using publisher = livePublisher(pipeline.databaseUrl, server.url);
    await using sender = sendSteadily(pipeline.sql, pipeline.stream);
    const grown = () => until("it publishes", async () => await grows(pipeline, pipeline.stream), 20_000);
    await grown();
    await breakIt(server, grown);
    await until("it publishes again", growsBeyond(sender.acknowledged, sender.acknowledged.length + 50), 20_000);
    await sender.stop();
    await streamIsOutbox(pipeline, sender.acknowledged);
    await until("health is well", () => publisher.health.faults().size === 0);
  });
}

Deno.test("runPublisher() refills quiet streams too, by itself, after FLUSHALL", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  await using publisher = livePublisher(pipeline.databaseUrl, server.url);
  await using sender = sendSteadily(pipeline.sql, pipeline.stream);
  await until("it sends", growsBeyond(sender.acknowledged, 100));
  await sender.stop();
  await streamIsOutbox(pipeline, sender.acknowledged);
  const before = await pipeline.redis.call("XRANGE", pipeline.stream, "-", "+");
  await pipeline.redis.call("FLUSHALL");
  await until("it is refilled", async () => Number(await pipeline.redis.call("XLEN", pipeline.stream)) > 0);
  await streamIsOutbox(pipeline, sender.acknowledged);
  assertEquals(await pipeline.redis.call("XRANGE", pipeline.stream, "-", "+"), before);
  await until("health is well", () => publisher.health.faults().size === 0);
});

Deno.test("runPublisher() puts back what a promoted replica lacks", async () => {
  await using primary = await startRedis({ persistence: "none" });
  const { port, password } = new URL(primary.url);
  await using replica = await startRedis({
    persistence: "none",
    extraConfig: { replicaof: `127.0.0.1 ${port}`, masterauth: password },
  });
  await using pipeline = await testPipeline({ redisUrl: replica.url });
  const { sql, redis, stream } = pipeline;
  {
    await using _publisher = livePublisher(pipeline.databaseUrl, primary.url);
    await using sender = sendSteadily(sql, stream);
    await until("the replica follows", async () => Number(await redis.call("XLEN", stream)) > 100);
    replica.kill("SIGSTOP"); // It is behind from here on.
    await until("the primary is ahead", growsBeyond(sender.acknowledged, sender.acknowledged.length + 200));
    await sender.stop();
    await until(
      "everything is published",
      async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
    );
  }
  await primary.crash();
  replica.kill("SIGCONT");
  await redis.call("REPLICAOF", "NO", "ONE");
  await using _publisher = livePublisher(pipeline.databaseUrl, replica.url);
  await using sender = sendSteadily(sql, stream);
  await until("it sends", growsBeyond(sender.acknowledged, 20));
  await sender.stop();
  await streamIsOutbox(pipeline, sender.acknowledged);
});

Deno.test("runPublisher() reuses no id when PostgreSQL comes back from an older backup, and says what does not match", async () => {
  await using server = await startPostgres();
  await using pipeline = await testPipeline({ postgresUrl: server.url });
  const { redis, stream } = pipeline;
  await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
  await using sender = sendSteadily(pipeline.sql, stream);
  const published = (count: number) => async () => Number(await redis.call("XLEN", stream)) >= count;
  await until("it publishes", published(50));
  await server.stop();
  await run("cp", "-a", `${server.folder}/data`, `${server.folder}/backup`);
  const before = Number(await redis.call("XLEN", stream));
  await server.start();
  await until("it goes on", published(before + 100), 30_000);
  await sender.stop();
  await streamIsOutbox(pipeline, sender.acknowledged);
  const full = await redis.call("XRANGE", stream, "-", "+") as unknown[];
  // The publisher keeps running across the restore.
  await server.stop();
  await Deno.remove(`${server.folder}/data`, { recursive: true });
  await Deno.rename(`${server.folder}/backup`, `${server.folder}/data`);
  await server.start();
  await using again = sendSteadily(pipeline.sql, stream);
  await until(
    "health says what to do",
    () => /not from this outbox.*--accept-foreign/.test(publisher.health.faults().get(stream) ?? ""),
    30_000,
  );
  await again.stop();
  assertEquals(await redis.call("XRANGE", stream, "-", "+"), full);
  await acceptForeignEntries(pipeline.databaseUrl, pipeline, stream);
  await until("health is well", () => publisher.health.faults().size === 0);
  const after = (await readEntriesAfter(redis, stream, "0-0", 100_000)).map(({ eventId }) => eventId);
  assertEquals((await redis.call("XRANGE", stream, "-", "+") as unknown[]).slice(0, full.length), full);
  assertEquals(new Set(after).size, after.length);
  assert(new Set(again.acknowledged).isSubsetOf(new Set(after)));
});

async function acceptForeignEntries(
  databaseUrl: string,
  { redis }: TestPipeline,
  stream: StreamName,
): Promise<void> {
  const sql = connectPostgres(databaseUrl, { applicationName: "accept" });
  const accept = () => acceptForeign({ sql, redis, stream, logger: silentLogger, signal: AbortSignal.timeout(20_000) });
  try {
    // The running publisher may have the stream at the moment.
    await until("the entries are accepted", () =>
      accept().then(() => true, (error) => {
        if (/another publisher/.test(String(error))) return false;
        throw error;
      }));
  } finally {
    await closePostgres(sql);
  }
}

async function grows({ redis }: TestPipeline, stream: StreamName): Promise<boolean> {
  const length = Number(await redis.call("XLEN", stream));
  await until("it grows", async () => Number(await redis.call("XLEN", stream)) >= length + 100);
  return true;
}

async function run(program: string, ...args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args: [...args] }).output();
  if (!success) throw new Error(`${program} failed`);
}
