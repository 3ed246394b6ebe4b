import { assertRight, checkPipeline } from "@events-pipeline/checker";
import { defineStreamName, type Event } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startDaemon } from "@events-pipeline/local/daemon_process";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import type { RoundStep } from "./round.ts";
import { isStopped, startFailing } from "./testdata/failing_process.ts";

function widgets(count: number): Event[] {
  return Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
}

async function check({ sql, redis, stream }: TestPipeline, sent: readonly string[]): Promise<void> {
  const truth = new Map([[stream, sent]]);
  assertRight(await checkPipeline({ sql, redis, streams: [stream], sent: truth, complete: true }));
}

const steps: readonly RoundStep[] = ["before append", "after append", "before commit", "after commit"];
for (const step of steps) {
  // The third pass of the first two is amid a round of several batches.
  const nth = step.endsWith("append") ? 3 : 1;
  Deno.test(`runPublisher() killed with -9 ${step} loses and doubles nothing`, async () => {
    await using pipeline = await testPipeline();
    const { sql, stream } = pipeline;
    const sent = [...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(45) }))];
    const failing = startFailing(pipeline, step, nth, "SIGKILL");
    assertEquals(await failing.ended, "SIGKILL");
    sent.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(15) })));
    await pipeline.publish();
    await check(pipeline, sent);
  });

  Deno.test(`runPublisher() paused ${step} past every time-out is fenced when it wakes`, async () => {
    await using pipeline = await testPipeline();
    const { sql, stream } = pipeline;
    const sent = [...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(45) }))];
    const paused = startFailing(pipeline, step, nth, "SIGSTOP");
    try {
      await until("it is paused", () => isStopped(paused.pid));
      sent.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(15) })));
      await pipeline.publish(); // The server ends the paused session, and another publisher takes over.
      await check(pipeline, sent);
      sent.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(15) })));
      paused.kill("SIGCONT");
      await until(
        "one of them has published the rest",
        async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL`).length === 0,
      );
      await check(pipeline, sent);
    } finally {
      paused.kill("SIGKILL");
      await paused.ended;
    }
  });
}

Deno.test("publisher: four at once on eight streams, their sessions ended all the while, keep every stream right", async () => {
  await using pipeline = await testPipeline();
  const { sql, redis } = pipeline;
  const streams = Array.from({ length: 8 }, () => defineStreamName(`stream:test-${crypto.randomUUID()}:events`));
  const environment = {
    DATABASE_URL: pipeline.databaseUrl,
    REDIS_URL: pipeline.redisUrl,
    PUBLISHER_BATCH_ROWS: "20",
    PUBLISHER_POLL_SECONDS: "0.1",
  };
  const daemons = await Promise.all([1, 2, 3, 4].map(() => startDaemon("publisher", { environment })));
  const stop = new AbortController();
  const cutting = (async () => {
    while (!stop.signal.aborted) {
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name LIKE 'events-publisher%' AND random() < 0.1`;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  let exits: readonly number[] = [];
  try {
    const sent = new Map<string, string[]>(streams.map((stream) => [stream, []]));
    for (let i = 0; i < 40; i++) {
      await Promise.all(streams.map(async (stream) => {
        sent.get(stream)!.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(25) })));
      }));
    }
    stop.abort();
    await until(
      "everything is published",
      async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
      45_000,
    );
    assertRight(await checkPipeline({ sql, redis, streams, sent, complete: true }));
  } finally {
    stop.abort();
    await cutting;
    for (const daemon of daemons) daemon.kill("SIGTERM");
    exits = await Promise.all(daemons.map((daemon) => daemon.ended));
    for (const stream of streams) await redis.call("DEL", stream);
  }
  assertEquals(exits, [0, 0, 0, 0]); // None has died of it.
});
