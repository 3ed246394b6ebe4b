import { type Logger, silentLogger } from "@events-pipeline/common/logger";
import { startRedis } from "@events-pipeline/local";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { assertEquals } from "@std/assert";
import { livePublisher } from "./testdata/live_publisher.ts";
import { sendSteadily } from "./testdata/steady_sender.ts";
import { streamIsOutbox } from "./testdata/stream_is_outbox.ts";

Deno.test("runPublisher() with replicaWait marks nothing that too few replicas have, and doubles nothing when they are back", async () => {
  await using primary = await startRedis({ persistence: "none" });
  const { port, password } = new URL(primary.url);
  await using replica = await startRedis({
    persistence: "none",
    extraConfig: { replicaof: `127.0.0.1 ${port}`, masterauth: password },
  });
  await using pipeline = await testPipeline({ redisUrl: primary.url });
  const { sql, redis, stream } = pipeline;
  let failures = 0;
  const logger: Logger = { ...silentLogger, error: () => void failures++ };
  await using publisher = livePublisher(pipeline.databaseUrl, primary.url, {
    replicaWait: { replicas: 1, timeoutMs: 50 },
    logger,
  });
  const unmarked = async (): Promise<number> => {
    const [row] = await sql`SELECT count(*)::int AS n FROM events.outbox_event WHERE published_at IS NULL`;
    return row!["n"];
  };
  const sent: string[] = [];
  const send = async (count: number): Promise<void> => {
    await using sender = sendSteadily(sql, stream);
    await until("it sends", () => sender.acknowledged.length >= count);
    await sender.stop();
    sent.push(...sender.acknowledged);
  };
  await until("the replica follows", async () => String(await redis.call("INFO", "replication")).includes("online"));
  await send(20);
  await until("all is published", async () => await unmarked() === 0);
  replica.kill("SIGSTOP");
  const marked = sent.length;
  await send(20);
  await until("health says why", () => /0 of 1 replicas/.test(publisher.health.faults().get(stream) ?? ""));
  // The stream is ahead of the outbox now. Finding the entries there does not count either.
  const begun = failures;
  await until("it has tried again and again", () => failures >= begun + 5);
  assertEquals(await unmarked(), sent.length - marked);
  replica.kill("SIGCONT");
  await until("all is published", async () => await unmarked() === 0);
  await streamIsOutbox({ sql, redis, stream }, sent);
  await until("health is well", () => publisher.health.faults().size === 0);
});
