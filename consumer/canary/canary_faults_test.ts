import { startPostgres, startRedis } from "@events-pipeline/local";
import { startDaemon } from "@events-pipeline/local/daemon_process";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { assertEquals, assertMatch } from "@std/assert";
import { CANARY_CONSUMER } from "./canary_consumer.ts";
import { type ConsumeDaemon, startConsume } from "../testdata/consume_daemon.ts";

const come = async (daemon: ConsumeDaemon): Promise<number> =>
  Number(/^events_canary_duration_seconds_count (\d+)$/m.exec(await daemon.metrics().catch(() => ""))?.[1] ?? 0);

/** A publisher in a process of its own, ended with what uses it. */
async function startPublisher({ databaseUrl, redisUrl }: TestPipeline): Promise<AsyncDisposable> {
  const publisher = await startDaemon("publisher", { environment: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } });
  return {
    async [Symbol.asyncDispose]() {
      publisher.kill("SIGTERM");
      await publisher.ended;
    },
  };
}

Deno.test("canaries are late while PostgreSQL, Redis or their own process stands still, and come again by themselves", async () => {
  await using postgres = await startPostgres();
  await using redis = await startRedis();
  await using pipeline = await testPipeline({ postgresUrl: postgres.url, redisUrl: redis.url });
  await using _publisher = await startPublisher(pipeline);
  try {
    await using daemon = await startConsume(pipeline, { args: ["--canary", "1s"] });
    const comeAgain = async (): Promise<void> => {
      const before = await come(daemon);
      await until("they come", async () => await come(daemon) >= before + 2, 120_000);
      await until("all is well", async () => Object.keys(await daemon.faults() ?? { down: true }).length === 0);
    };
    await comeAgain();
    for (
      const [server, reason] of [[redis, /has not handled it|no publisher/], [
        postgres,
        /cannot be sent|does not answer/,
      ]] as const
    ) {
      await server.stop();
      let canary: string | undefined;
      await until("it is late, and why", async () => reason.test((await daemon.faults())?.["canary"] ?? ""));
      // It stays so, also while the worker fails and begins anew.
      const since = performance.now();
      await until("that is so for long", async () => {
        canary = (await daemon.faults())?.["canary"];
        return canary === undefined || performance.now() - since > 8_000;
      });
      assertMatch(canary ?? "green", reason);
      await server.start();
      await comeAgain();
    }
    daemon.kill("SIGSTOP");
    const stopped = Date.now();
    await until("its lease has run out", async () => {
      const [row] = await pipeline.sql`
        SELECT lease_until < clock_timestamp() AS over FROM events.stream_lease WHERE role = 'consumer:events:canary'`;
      return row!["over"] && Date.now() - stopped > 3_000;
    });
    daemon.kill("SIGCONT");
    await comeAgain();
    daemon.kill("SIGTERM");
    assertEquals(await daemon.ended, 0, daemon.output);
  } catch (error) {
    console.error(error); // What is disposed of next may fail as well.
    throw error;
  }
});

Deno.test("of two processes with a canary one sends, and the other goes on when that one dies", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql } = pipeline;
  const senders = async (): Promise<readonly string[]> => {
    const rows = await sql<{ sender: string }[]>`
      SELECT payload->>'sender' AS sender FROM events.outbox_event WHERE event_type = 'EventsPipelineCanarySent'`;
    return rows.map(({ sender }) => sender);
  };
  await using _publisher = await startPublisher(pipeline);
  const start = () => startConsume(pipeline, { args: ["--canary", "1s"] });
  await using first = await start();
  await until("a canary has come", async () => await come(first) >= 1);
  await using second = await start();
  await until(
    "it stands by",
    async () => (await second.metrics().catch(() => "")).includes("events_canary_duration_seconds_count 0\n"),
  );
  const before = (await senders()).length;
  await until("more have come", async () => (await senders()).length >= before + 2);
  assertEquals(new Set(await senders()).size, 1);
  assertEquals([await come(second), await second.faults()], [0, {}]);
  first.kill("SIGKILL");
  await until("the second one has the watch", async () => await come(second) >= 2);
  second.kill("SIGTERM");
  assertEquals(await second.ended, 0, second.output);
});

Deno.test("consume --isolate --canary runs the canary in a process of its own", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  await using _publisher = await startPublisher(pipeline);
  await using daemon = await startConsume(pipeline, { args: ["--isolate", "--canary", "2s"] });
  await until("a canary has come", async () => await come(daemon) >= 1);
  assertMatch(
    await daemon.metrics(),
    new RegExp(`^events_consumer_process_up\\{consumer="${CANARY_CONSUMER}"\\} 1$`, "m"),
  );
  daemon.kill("SIGTERM");
  assertEquals(await daemon.ended, 0, daemon.output);
});
