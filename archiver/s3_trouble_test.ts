import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { Health } from "@events-pipeline/common/health";
import { prometheusMetrics } from "@events-pipeline/common/prometheus";
import { type HttpProxy, startHttpProxy } from "@events-pipeline/local/http_proxy";
import { startTcpProxy, type TcpProxy } from "@events-pipeline/local/tcp_proxy";
import { testBucket } from "@events-pipeline/local/test_bucket";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runArchiver } from "./archiver.ts";
import { openS3Store, type S3Options } from "./s3_store.ts";
import { type ArchivedPipeline, archivedPipeline } from "./testdata/archived_pipeline.ts";

/** An archiver that runs, and its store's two proxies. */
interface Running {
  readonly pipeline: ArchivedPipeline;
  readonly http: HttpProxy;
  readonly tcp: TcpProxy;
  readonly health: Health;
  /** Its metrics, as text. */
  readonly metrics: () => Promise<string>;
  /** What is wrong with the pipeline's stream. */
  readonly fault: () => string | undefined;
}

/** Runs an archiver on a real S3 server until the work is done, and proves the archive. */
async function withArchiver(options: S3Options, work: (running: Running) => Promise<void>): Promise<void> {
  using bucket = await testBucket();
  await using tcp = await startTcpProxy(bucket.endpoint);
  await using http = await startHttpProxy(tcp.url);
  const settings: S3Options = {
    ...{ ...bucket.options, endpoint: http.url, attempts: 2, requestTimeoutMs: 1_000, connectTimeoutMs: 1_000 },
    ...options,
  };
  const store = openS3Store(bucket.bucket, "archive", settings);
  const direct = openS3Store(bucket.bucket, "archive", bucket.options);
  await using pipeline = await archivedPipeline({ store: direct });
  const { sql, redis, stream } = pipeline;
  const health = new Health();
  const metrics = prometheusMetrics();
  const stop = new AbortController();
  const running = runArchiver({
    ...{ sql, redis, store, health, metrics, signal: stop.signal },
    ...{ segmentCount: 20, segmentAgeMs: 1, pollMs: 50, backoff: { baseMs: 50, maxMs: 200 } },
  });
  try {
    await work({
      ...{ pipeline, http, tcp, health },
      metrics: () => metrics.render(),
      fault: () => health.faults().get(stream),
    });
    await until("all is archived", async () => await pipeline.archived() === pipeline.sent.length, 30_000);
    await until("health is green again", () => health.faults().size === 0);
  } finally {
    stop.abort();
    await running;
    store.close();
  }
  await pipeline.assertArchived();
  direct.close();
}

/** Waits until health says that the stream cannot be archived, and a reason. */
async function untilRed({ fault }: Running, reason: string): Promise<void> {
  await until(`health says ${reason}`, () => fault()?.includes(reason) ?? false, 30_000);
}

Deno.test("runArchiver() outlives a store that refuses, and one that slows it down, and tells of both", async () => {
  await withArchiver({}, async (running) => {
    const { pipeline, http, metrics } = running;
    const slowDown = { status: 503, body: "<Error><Code>SlowDown</Code></Error>" };
    http.rule = () => ({ status: 403, body: "<Error><Code>AccessDenied</Code></Error>" });
    await pipeline.send(50);
    await untilRed(running, "HTTP 403");
    http.rule = ({ method }) => method === "PUT" ? slowDown : undefined;
    await untilRed(running, "SlowDown (HTTP 503)");
    // One request of two: the client's own second tries are enough.
    let count = 0;
    const before = http.requests.length;
    http.rule = () => count++ % 2 === 0 ? slowDown : undefined;
    await until("all is archived", async () => await pipeline.archived() === 50, 30_000);
    assert(http.requests.length - before >= 6);
    assertStringIncludes(await metrics(), 'kind="SlowDown"');
    assert(/^events_archive_retries_total [1-9]/m.test(await metrics()));
  });
});

Deno.test("runArchiver() outlives a store that is silent, one that cuts connections half-way, and one that is away", async () => {
  await withArchiver({}, async (running) => {
    const { pipeline, tcp } = running;
    tcp.stall();
    await pipeline.send(50);
    await untilRed(running, "TimeoutError");
    await tcp.calm();
    await until("all is archived", async () => await pipeline.archived() === 50, 30_000);

    for (const direction of ["toServer", "toClient"] as const) {
      for (const bytes of [0, 700]) {
        let cut = false;
        tcp.cutAfterBytes(bytes, direction).then(() => cut = true);
        while (!cut) await pipeline.send(5);
        await until("all is archived", async () => await pipeline.archived() === pipeline.sent.length, 30_000);
      }
    }
    tcp.refuse();
    tcp.cut();
    await pipeline.send(30);
    await until("health is red", () => running.fault() !== undefined, 30_000);
    await tcp.calm();
  });
});

Deno.test("runArchiver() waits for a bucket that is missing", async () => {
  using other = await testBucket();
  const bucket = `later-${crypto.randomUUID()}`;
  const store = openS3Store(bucket, "", { ...other.options, attempts: 1 });
  await using pipeline = await archivedPipeline({ store });
  const { sql, redis, stream } = pipeline;
  const health = new Health();
  const stop = new AbortController();
  const running = runArchiver({
    ...{ sql, redis, store, health, signal: stop.signal },
    ...{ segmentAgeMs: 1, pollMs: 50, backoff: { baseMs: 50, maxMs: 200 } },
  });
  try {
    await pipeline.send(10);
    await until("health is red", () => health.faults().get(stream)?.includes("NoSuchBucket") ?? false);
    await other.client.send(new CreateBucketCommand({ Bucket: bucket }));
    await until("all is archived", async () => await pipeline.archived() === 10);
    await until("health is green again", () => health.faults().size === 0);
  } finally {
    stop.abort();
    await running;
  }
  await pipeline.assertArchived();
  store.close();
});

Deno.test("runArchiver() stops in front of another object under its key, says which, and writes nothing over it", async () => {
  using bucket = await testBucket();
  const store = openS3Store(bucket.bucket, "archive", bucket.options);
  await using pipeline = await archivedPipeline({ store });
  const { sql, redis, stream } = pipeline;
  await pipeline.send(5);
  const [first, , , , last] = await redis.call("XRANGE", stream, "-", "+") as [string][];
  const day = new Date(Number(first![0].split("-")[0])).toISOString().slice(0, 10);
  const key = `stream=${stream}/date=${day}/${first![0]}_${last![0]}.jsonl.gz`;
  await store.put(key, new TextEncoder().encode("other"), { sha256: "0".repeat(64), count: 5 });
  const health = new Health();
  const stop = new AbortController();
  const running = runArchiver({
    ...{ sql, redis, store, health, signal: stop.signal },
    ...{ segmentAgeMs: 1, pollMs: 50, backoff: { baseMs: 50, maxMs: 200 } },
  });
  try {
    await until("health is red", () => health.faults().get(stream)?.includes("another object under this key") ?? false);
    assertEquals(new TextDecoder().decode((await store.get(key)).body), "other");
    await store.delete(key);
    await until("all is archived", async () => await pipeline.archived() === 5);
  } finally {
    stop.abort();
    await running;
  }
  await pipeline.assertArchived();
  store.close();
});
