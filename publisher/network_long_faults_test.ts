import { startDaemon } from "@events-pipeline/local/daemon_process";
import { startTcpProxy } from "@events-pipeline/local/tcp_proxy";
import { assertEquals } from "@std/assert";
import { spoiledPipeline } from "./testdata/spoiled_pipeline.ts";
import { storm } from "@events-pipeline/local/storm";

const MINUTES = 2;

Deno.test("publisher: two at once, both their connections stalled, cut, slowed and refused for minutes, keep the stream right", async () => {
  await using pipeline = await spoiledPipeline();
  const first = [pipeline.postgres, pipeline.redisProxy] as const;
  await using postgres = await startTcpProxy(pipeline.databaseUrl);
  await using redis = await startTcpProxy(pipeline.redisUrl);
  const second = [postgres, redis] as const;
  const output: string[] = [];
  const daemons = await Promise.all([first, second].map(([postgres, redis]) =>
    startDaemon("publisher", {
      environment: {
        DATABASE_URL: postgres.url,
        REDIS_URL: redis.url,
        PUBLISHER_BATCH_ROWS: "10",
        PUBLISHER_POLL_SECONDS: "0.1",
        PUBLISHER_IDLE_LIMIT_SECONDS: "1",
        PUBLISHER_DATABASE_ANSWER_SECONDS: "2",
        PUBLISHER_REDIS_ANSWER_SECONDS: "2",
      },
      onFailure: (text) => output.push(text),
    })
  ));
  try {
    const stop = new AbortController();
    const sending = pipeline.keepSending(50, stop.signal);
    const end = Date.now() + MINUTES * 60_000;
    const goesOn = () => Date.now() < end;
    // Both publishers have trouble at once, but not always.
    await Promise.all([first, second].map((proxies) => storm(proxies, { faults: "all", goesOn })));
    stop.abort();
    await sending;
    await pipeline.whenPublished(60_000);
    await pipeline.check();
  } finally {
    for (const daemon of daemons) daemon.kill("SIGTERM");
    assertEquals(await Promise.all(daemons.map((daemon) => daemon.ended)), [0, 0], output.join("\n"));
  }
});
