import { freePort } from "@events-pipeline/local/free_port";
import { startDaemon } from "@events-pipeline/local/daemon_process";
import { startTcpProxy } from "@events-pipeline/local/tcp_proxy";
import { testBucket } from "@events-pipeline/local/test_bucket";
import { until } from "@events-pipeline/local/until";
import { readLease } from "@events-pipeline/common/lease";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openS3Store } from "./s3_store.ts";
import { archivedPipeline } from "./testdata/archived_pipeline.ts";

Deno.test("deno task archive, with the permissions of its task, serves health and metrics; one signal drains, a second one cancels", async () => {
  using bucket = await testBucket();
  await using proxy = await startTcpProxy(bucket.endpoint);
  const store = openS3Store(bucket.bucket, "archive", bucket.options);
  await using pipeline = await archivedPipeline({ store });
  const { sql, stream } = pipeline;
  const monitor = `127.0.0.1:${freePort()}`;
  let output = "";
  const start = () =>
    startDaemon("archive", {
      environment: {
        ...{ DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl, MONITOR_ADDRESS: monitor },
        ...{ ...bucket.environment, AWS_ENDPOINT_URL_S3: proxy.url.replace(/\/$/, "") },
        ...{ ARCHIVE_STREAM_LIMITS: `${stream}=age:0.1`, ARCHIVE_S3_TIMEOUT_SECONDS: "600" },
      },
      onOutput: (text) => output += text,
      onFailure: console.error,
    });
  const ask = async (path: string): Promise<{ status: number; text: string }> => {
    const response = await fetch(`http://${monitor}${path}`);
    return { status: response.status, text: await response.text() };
  };
  const recorded = async () => Boolean((await readLease(sql, { stream, role: "archiver" }))?.pendingSegment);

  let daemon = await start();
  await pipeline.send(25);
  await until("it is archived", async () => await pipeline.archived() === 25, 60_000);
  assertEquals((await ask("/health/live")).status, 200);
  assertEquals(await ask("/health/ready"), { status: 200, text: '{"ready":true,"faults":{}}\n' });
  const metrics = (await ask("/metrics")).text;
  assertStringIncludes(metrics, `events_archived_total{stream="${stream}"} 25`);
  assertStringIncludes(metrics, "events_archive_conditional_put 1");
  const noLag = `events_archive_lag_events{stream="${stream}"} 0\n`;
  await until("the lag is gone", async () => (await ask("/metrics")).text.includes(noLag));

  proxy.stall();
  await pipeline.send(5);
  await until("a PUT is under way", recorded);
  daemon.kill("SIGTERM");
  // It waits for the store: what is recorded is finished.
  const early = await Promise.race([daemon.ended, new Promise((resolve) => setTimeout(resolve, 300, "waits"))]);
  assertEquals(early, "waits");
  await proxy.calm();
  assertEquals(await daemon.ended, 0);
  assertEquals([await pipeline.archived(), await recorded()], [30, false]);

  output = "";
  daemon = await start();
  await until(
    "it is there",
    async () => await ask("/health/live").then(({ status }) => status === 200, () => false),
    60_000,
  );
  proxy.stall();
  await pipeline.send(5);
  await until("a PUT is under way", recorded);
  daemon.kill("SIGTERM");
  const begun = Date.now();
  await until("it has heard the first", () => output.includes("Stopping")); // Two signals at once may be one.
  daemon.kill("SIGTERM");
  assertEquals(await daemon.ended, 0);
  assert(Date.now() - begun < 300_000);
  assertEquals(await recorded(), true);
  await proxy.calm();

  await pipeline.archive();
  await pipeline.assertArchived();
  store.close();
});
