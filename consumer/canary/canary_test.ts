import { defineStreamName } from "@events-pipeline/common";
import { readCommand } from "@events-pipeline/common/command";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { prometheusMetrics } from "@events-pipeline/common/prometheus";
import { startRedis } from "@events-pipeline/local";
import { runTask, startDaemon } from "@events-pipeline/local/daemon_process";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { consumeCommand } from "../config.ts";
import { pauseConsumer } from "../control/pause.ts";
import { startConsume } from "../testdata/consume_daemon.ts";
import { liveConsumers } from "../testdata/live_consumers.ts";
import { CANARY_CONSUMER, CANARY_STREAM } from "./canary_consumer.ts";

/** How many canaries have come, as the daemon tells. */
const come = (metrics: string): number => Number(/^events_canary_duration_seconds_count (\d+)$/m.exec(metrics)?.[1]);

/** The outbox's canaries: who has sent each, and whether it is published. */
async function canaries({ sql }: TestPipeline): Promise<readonly { sender: string; published: boolean }[]> {
  return await sql<{ sender: string; published: boolean }[]>`
    SELECT payload->>'sender' AS sender, published_at IS NOT NULL AS published FROM events.outbox_event
    WHERE event_type = 'EventsPipelineCanarySent' ORDER BY id`;
}

Deno.test("consume --canary sends events through the whole path: late and red with the reason while no publisher works, then green", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { databaseUrl, redisUrl, sql } = pipeline;
  const archive = await Deno.makeTempDir();
  const servers = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ARCHIVE_URL: `file://${archive}` };
  const publisher = await startDaemon("publisher", {
    environment: { ...servers, PUBLISHER_IDLE_LIMIT_SECONDS: "1" },
    onFailure: console.error,
  });
  try {
    await using daemon = await startConsume(pipeline, { args: ["--canary", "1s"] });
    await until("a canary has come", async () => come(await daemon.metrics().catch(() => "")) >= 1);
    await until("nothing is wrong", async () => Object.keys(await daemon.faults() ?? { starting: 1 }).length === 0);
    assertMatch(await daemon.metrics(), /^events_canary_interval_seconds 1$/m);

    publisher.kill("SIGSTOP");
    await until("it is late", async () => {
      const { canary = "" } = await daemon.faults() ?? {};
      const [, due, why] = /^A canary has been due for (\d+) s, and may take 1 s: (.*)$/.exec(canary) ?? [];
      return Number(due) >= 4 && why === "it is in the outbox, and no publisher has published it";
    });
    await until("the alert's metric says so", async () => {
      return Number(/^events_canary_age_seconds ([\d.]+)$/m.exec(await daemon.metrics())?.[1]) > 2;
    });
    assertEquals((await canaries(pipeline)).filter(({ published }) => !published).length, 1);
    publisher.kill("SIGCONT");
    await until("they come again", async () => !("canary" in (await daemon.faults() ?? { canary: "?" })));

    daemon.kill("SIGTERM");
    assertEquals(await daemon.ended, 0, daemon.output);
  } finally {
    publisher.kill("SIGCONT");
    publisher.kill("SIGTERM");
    await publisher.ended;
  }
  // An event like any other: published, handled and archived once, in order.
  await pipeline.publish();
  {
    const canary = { everyMs: 3_600_000, sql, stream: defineStreamName(CANARY_STREAM) };
    await using _live = liveConsumers(pipeline, [], { canary });
    await until("those that were left are handled", async () => {
      const [row] = await sql`
        SELECT (SELECT count(*) FROM events.processed_event WHERE consumer_name = ${CANARY_CONSUMER}) =
               (SELECT count(*) FROM events.outbox_event WHERE published_at IS NOT NULL) AS all`;
      return row!["all"];
    });
  }
  await pipeline.publish();
  assertEquals((await runTask("archive", { args: ["--once"], environment: servers })).code, 0);
  const checked = await runTask("check-pipeline", { args: ["--complete"], environment: servers });
  assertEquals(checked.code, 0, checked.stdout + checked.stderr);
  assertStringIncludes(checked.stdout, CANARY_STREAM);
  await Deno.remove(archive, { recursive: true });
});

Deno.test("a canary that is lost is sent again, one at a time; a paused consumer has none", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql } = pipeline;
  const metrics = prometheusMetrics();
  const stream = defineStreamName(CANARY_STREAM);
  const canary = { everyMs: 1_000, sql, stream };
  await using live = liveConsumers(pipeline, [], { canary, metrics });
  const fault = (): string | undefined => live.health.faults().get("canary");
  await until("it is late", () => /no publisher has published it/.test(fault() ?? ""));
  assertEquals((await canaries(pipeline)).length, 1);
  await sql`DELETE FROM events.outbox_event`;
  await until("it is sent again", async () => (await canaries(pipeline)).length === 1);
  await pipeline.publish();
  await until("it comes", () => fault() === undefined);
  assert(come(await metrics.render()) >= 1);
  await until("the next one is late", () => fault() !== undefined);

  await pauseConsumer(sql, { consumer: CANARY_CONSUMER, stream });
  await until("nobody waits for it", () => fault() === undefined);
  assertMatch(await metrics.render(), /^events_canary_age_seconds 0$/m);
  await sql`DELETE FROM events.outbox_event WHERE published_at IS NULL`;
  await pipeline.publish();
  const count = (await canaries(pipeline)).length;
  await sql`UPDATE events.consumer_state SET paused_at = NULL`;
  await until("they go on", async () => (await canaries(pipeline)).length > count);
});

Deno.test("a canary that was sent while an earlier one was late is waited for in place of the next one", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql } = pipeline;
  const canary = { everyMs: 1_000, sql, stream: defineStreamName(CANARY_STREAM) };
  await using live = liveConsumers(pipeline, [], { canary, leaseMs: 10_000 });
  const fault = (): string | undefined => live.health.faults().get("canary");
  await until("one is sent", async () => (await canaries(pipeline)).length === 1);
  await sql.begin(async (tx) => {
    await tx`LOCK TABLE events.processed_event`; // Nothing can be handled.
    await pipeline.publish();
    await until("another is sent", async () => (await canaries(pipeline)).length === 2);
    assertMatch(fault()!, /it is sent|has not handled it|no publisher/);
  });
  await until("the first one comes", () => fault() === undefined);
  await until("the second one is late", () => /no publisher has published it/.test(fault() ?? ""));
  await sql`
    CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'No more'; END $$`;
  await sql`CREATE TRIGGER refuse BEFORE INSERT ON events.outbox_event EXECUTE FUNCTION public.refuse()`;
  await pipeline.publish();
  await until("it comes, and nothing is late", () => fault() === undefined, 20_000);
});

Deno.test("a canary that may not be sent names the right that is missing, and nothing else is red", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql } = pipeline;
  const role = `canary_${crypto.randomUUID().replaceAll("-", "")}`;
  await sql.unsafe(`
    CREATE ROLE ${role} LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA events TO ${role};
    GRANT SELECT ON events.outbox_event TO ${role}`);
  const url = new URL(pipeline.databaseUrl);
  [url.username, url.password] = [role, "secret"];
  const own = connectPostgres(url.href, { applicationName: "test", connections: 1 });
  try {
    const canary = { everyMs: 1_000, sql: own, stream: defineStreamName(CANARY_STREAM) };
    await using live = liveConsumers(pipeline, [], { canary });
    await until("it is late", () => live.health.faults().has("canary"));
    assertMatch(
      live.health.faults().get("canary")!,
      /: it cannot be sent: permission denied .*\(42501\), which the role events_producer allows$/,
    );
    assertEquals(live.health.faults().size, 1);
  } finally {
    await closePostgres(own);
    await sql.unsafe(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});

Deno.test("consume refuses a wrong --canary with 2, and needs handlers only without one", async () => {
  const environment = { DATABASE_URL: "postgres://h/d", REDIS_URL: "redis://h" };
  const faults = (...args: string[]): string => {
    const command = readCommand(consumeCommand, args, (name) => environment[name as keyof typeof environment]);
    return command.kind === "print" ? command.text : "run";
  };
  assertEquals(faults("--canary", "30s"), "run");
  assertEquals(faults("--handlers", "a.ts", "--canary", "24h"), "run");
  assertStringIncludes(faults(), "--handlers FILE is missing");
  for (const wrong of ["soon", "30", "0s", "25h", "1.5s", "1s2", "99999h"]) {
    assertStringIncludes(faults("--canary", wrong), "--canary must be a time from 1s to 24h, such as 30s or 5m");
  }
  assertStringIncludes(faults("--canary", "30s", "--once"), "--canary and --once exclude each other");
  const { code, stderr } = await runTask("consume", { args: ["--canary", "soon"], environment });
  assertEquals(code, 2);
  assertStringIncludes(stderr, "--canary must be a time from 1s to 24h");
});
