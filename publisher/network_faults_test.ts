import type { Health } from "@events-pipeline/common/health";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startDaemon } from "@events-pipeline/local/daemon_process";
import type { TcpProxy } from "@events-pipeline/local/tcp_proxy";
import { until } from "@events-pipeline/local/until";
import { sendEvent } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import type { RoundStep } from "./round.ts";
import { livePublisher } from "./testdata/live_publisher.ts";
import { type SpoiledPipeline, spoiledPipeline } from "./testdata/spoiled_pipeline.ts";
import { storm } from "@events-pipeline/local/storm";

const steps: readonly RoundStep[] = ["before append", "after append", "before commit", "after commit"];

/** How long another publisher may take until it has a stream, beyond the idle limit of 1 s: a bound on hanging, below the limit that it has by default. */
const SLACK_MS = 10_000;

const healthy = (health: Health) => until("health is well", () => health.faults().size === 0);

const unwell = (health: Health, reason: RegExp) =>
  until(`health says ${reason}`, () => [...health.faults().values()].some((fault) => reason.test(fault)));

/** Calls back at the first pass of a step, once it is set off. */
function once(step: RoundStep, act: () => void): { readonly atStep: (at: RoundStep) => void; setOff(): void } {
  let due = false;
  return {
    atStep(at) {
      if (!due || at !== step) return;
      due = false;
      act();
    },
    setOff: () => void (due = true),
  };
}

/** The first publisher stalls, a second one that is not behind the proxy takes over, and the first is back. */
async function outliveStall(
  pipeline: SpoiledPipeline,
  proxy: TcpProxy,
  step: RoundStep,
  reason: RegExp,
): Promise<void> {
  let stalled = false;
  const trap = once(step, () => {
    proxy.stall();
    stalled = true;
  });
  await using publisher = livePublisher(pipeline.postgres.url, pipeline.redisProxy.url, { atStep: trap.atStep });
  await pipeline.send();
  await pipeline.whenPublished();
  trap.setOff();
  await pipeline.send();
  await until("it is stalled", () => stalled);
  {
    await using _other = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
    await pipeline.send();
    await pipeline.whenPublished(1_000 + SLACK_MS);
    await pipeline.check();
    await unwell(publisher.health, reason);
    proxy.resume();
    await healthy(publisher.health);
  }
  await pipeline.send();
  await pipeline.whenPublished();
  await pipeline.check();
}

Deno.test("runPublisher() whose PostgreSQL is stalled at any step of a round says so, loses the stream, and comes back", async () => {
  await Promise.all(steps.map(async (step) => {
    await using pipeline = await spoiledPipeline();
    await outliveStall(pipeline, pipeline.postgres, step, /PostgreSQL .* owes an answer .* silent for 1000 ms/);
  }));
});

Deno.test("runPublisher() whose Redis is stalled at any step of a round says so, loses the stream, and comes back", async () => {
  await Promise.all(steps.map(async (step) => {
    await using pipeline = await spoiledPipeline();
    await outliveStall(pipeline, pipeline.redisProxy, step, /Redis any longer/);
  }));
});

for (const side of ["postgres", "redisProxy"] as const) {
  Deno.test(`runPublisher() finds out that its connections to ${side} lead nowhere, and makes new ones`, async () => {
    await using pipeline = await spoiledPipeline();
    await using publisher = livePublisher(pipeline.postgres.url, pipeline.redisProxy.url);
    await pipeline.send();
    await pipeline.whenPublished();
    pipeline[side].forget();
    await pipeline.send();
    await pipeline.whenPublished();
    await healthy(publisher.health);
    await pipeline.check();
  });
}

Deno.test("runPublisher() that waits for a stalled Redis is fenced when its append arrives at last", async () => {
  await using pipeline = await spoiledPipeline();
  const { stream, redisProxy } = pipeline;
  const patient = connectRedis(redisProxy.url, { clientName: "patient", commandTimeoutMs: 20_000 });
  const replies: unknown[] = [];
  let stalls = false;
  const redis = {
    ...patient,
    async evaluate(...args: Parameters<typeof patient.evaluate>) {
      if (args[2].length === 1) return await patient.evaluate(...args); // It only compares.
      if (stalls) redisProxy.stall();
      stalls = false;
      const evaluation = await patient.evaluate(...args);
      replies.push(evaluation.reply);
      return evaluation;
    },
  };
  try {
    await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisUrl, { redis });
    await pipeline.send();
    await pipeline.whenPublished();
    stalls = true;
    await pipeline.send();
    {
      await using _other = livePublisher(pipeline.databaseUrl, pipeline.redisUrl);
      await pipeline.whenPublished(1_000 + SLACK_MS);
      await pipeline.check();
    }
    const [last] = await pipeline.redis.call("XREVRANGE", stream, "+", "-", "COUNT", 1) as [string, string[]][];
    redisProxy.resume();
    await until("the append has been refused", () => replies.length === 2);
    assertEquals(replies[1], [0, last![0]]);
    await pipeline.send();
    await pipeline.whenPublished();
    await pipeline.check();
    await healthy(publisher.health);
  } finally {
    await patient.close();
  }
});

Deno.test("a publisher that takes no more of what PostgreSQL sends loses the stream to another one", {
  ignore: Deno.build.os !== "linux", // Others have no TCP_USER_TIMEOUT
}, async () => {
  await using pipeline = await spoiledPipeline();
  const { sql, redis, stream, postgres } = pipeline;
  // So large an event takes its time on a slow machine, each time that it is looked at.
  const patience = { answerLimitMs: 10_000, verifyMs: 2_000 };
  await using publisher = livePublisher(postgres.url, pipeline.redisUrl, patience);
  await pipeline.send();
  await pipeline.whenPublished();
  // More than the buffers on the way can hold: the server has not sent all of it when the proxy takes no more.
  const event = WidgetCreated.create({ widget_id: "x".repeat(16 * 2 ** 20), owner_id: "o" });
  const stalled = postgres.stallAfterBytes(2 ** 20, "toClient");
  await sql.begin((tx) => sendEvent(tx, { stream, event, maxPayloadBytes: 2 ** 25 }));
  await stalled;
  await using _other = livePublisher(pipeline.databaseUrl, pipeline.redisUrl, patience);
  // Without its limit the server would try for a quarter of an hour.
  await until("another one has published it", async () => await redis.call("XLEN", stream) === 6);
  await unwell(publisher.health, /owes an answer/);
  postgres.resume();
  await healthy(publisher.health);
});

Deno.test("a publisher that is cut off from PostgreSQL while it sleeps gives the wake-up lock back", async () => {
  await using pipeline = await spoiledPipeline();
  const { sql, postgres } = pipeline;
  const locks = async () =>
    (await sql`
      SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
      WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND d.datname = current_database()`).length;
  await using _publisher = livePublisher(postgres.url, pipeline.redisUrl);
  await pipeline.send();
  await pipeline.whenPublished();
  await until("it sleeps", async () => await locks() === 1);
  postgres.stall();
  await until("nobody has the lock", async () => await locks() === 0);
  postgres.resume();
  await until("it sleeps again", async () => await locks() === 1);
});

for (
  const [what, step, side] of [
    ["an append's reply is lost after Redis has done it", "before append", "redisProxy"],
    ["the COMMIT's reply is lost after PostgreSQL has done it", "before commit", "postgres"],
  ] as const
) {
  Deno.test(`runPublisher() goes on when ${what}, with nothing doubled`, async () => {
    await using pipeline = await spoiledPipeline();
    // The rounds alone go through the proxy, so that it is their reply which is cut.
    const sql = connectPostgres(pipeline.postgres.url, { applicationName: "rounds", connections: 1 });
    let cut: Promise<void> = Promise.resolve();
    const trap = once(step, () => void (cut = pipeline[side].cutAfterBytes(0, "toClient")));
    try {
      await using publisher = livePublisher(pipeline.databaseUrl, pipeline.redisProxy.url, {
        sql,
        verifyMs: 60_000,
        atStep: trap.atStep,
      });
      await pipeline.send();
      await pipeline.whenPublished();
      for (let i = 0; i < 10; i++) {
        trap.setOff();
        await pipeline.send();
        await pipeline.whenPublished();
        await cut;
      }
      await pipeline.check();
      await healthy(publisher.health);
    } finally {
      await closePostgres(sql);
    }
  });
}

Deno.test("publisher whose connections are cut 30 times, also in the midst of messages, keeps its stream right, and lives", async () => {
  await using pipeline = await spoiledPipeline();
  let output = "";
  const daemon = await startDaemon("publisher", {
    environment: {
      DATABASE_URL: pipeline.postgres.url,
      REDIS_URL: pipeline.redisProxy.url,
      PUBLISHER_BATCH_ROWS: "10",
      PUBLISHER_POLL_SECONDS: "0.1",
      PUBLISHER_DATABASE_ANSWER_SECONDS: "2",
      PUBLISHER_REDIS_ANSWER_SECONDS: "2",
      LOG_LEVEL: "DEBUG",
    },
    onFailure: (text) => output = text,
  });
  try {
    const stop = new AbortController();
    const sending = pipeline.keepSending(10, stop.signal);
    await storm([pipeline.postgres, pipeline.redisProxy], { faults: "cuts", goesOn: (count) => count < 30 });
    stop.abort();
    await sending;
    await pipeline.whenPublished(20_000);
    await pipeline.check();
  } catch (error) {
    daemon.kill("SIGKILL");
    await daemon.ended;
    throw new Error(`The publisher printed:\n${output}`, { cause: error });
  }
  daemon.kill("SIGTERM");
  assertEquals(await daemon.ended, 0, output);
});

Deno.test("runPublisher() brings everything over connections that are slow by 200 ms each way", async () => {
  await using pipeline = await spoiledPipeline();
  const limits = { idleLimitMs: 5_000, answerLimitMs: 5_000 };
  await using publisher = livePublisher(pipeline.postgres.url, pipeline.redisProxy.url, limits);
  await pipeline.send();
  await pipeline.whenPublished();
  for (const proxy of [pipeline.postgres, pipeline.redisProxy]) proxy.delay(200);
  for (let i = 0; i < 20; i++) await pipeline.send();
  await pipeline.whenPublished();
  await pipeline.check();
  await healthy(publisher.health);
});

for (const side of ["postgres", "redisProxy"] as const) {
  for (const how of ["reset", "hang up"] as const) {
    Deno.test(`runPublisher() waits for ${side} that takes no connections (${how}), and says so`, async () => {
      await using pipeline = await spoiledPipeline();
      const proxy = pipeline[side];
      await using publisher = livePublisher(pipeline.postgres.url, pipeline.redisProxy.url);
      await pipeline.send();
      await pipeline.whenPublished();
      proxy.refuse(how);
      proxy.cut();
      await pipeline.send();
      await unwell(publisher.health, side === "postgres" ? /ECONNREFUSED|hung up/ : /Redis any longer/);
      await proxy.accept();
      await pipeline.whenPublished();
      await healthy(publisher.health);
      await pipeline.check();
    });
  }
}
