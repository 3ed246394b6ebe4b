import { defineStreamName } from "@events-pipeline/common";
import { Health } from "@events-pipeline/common/health";
import { prometheusMetrics } from "@events-pipeline/common/prometheus";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type ArchiverOptions, runArchiver } from "./archiver.ts";
import { type ArchivedPipeline, archivedPipeline, widgets } from "./testdata/archived_pipeline.ts";
import { recordVerification } from "./verification.ts";

/** Runs an archiver until the work is done. */
async function whileArchiving(
  { sql, redis, store }: ArchivedPipeline,
  options: Partial<ArchiverOptions>,
  work: () => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const running = runArchiver({ sql, redis, store, pollMs: 50, signal: stop.signal, ...options });
  try {
    await work();
  } finally {
    stop.abort();
    await running;
  }
}

/** How many entries each object holds, by its key. */
const counts = (keys: readonly string[]): number[] =>
  keys.map((key) => /-(\d+)_\d+-(\d+)\.jsonl\.gz$/.exec(key)!).map(([, first, last]) =>
    Number(last) - Number(first) + 1
  );

Deno.test("runArchiver() begins a segment when it is full by count, by bytes or by age, and not before", async () => {
  await using pipeline = await archivedPipeline();
  const { stream } = pipeline;
  const rules = [{ pattern: stream, limits: { count: 100 } }];
  await whileArchiving(pipeline, { rules, segmentAgeMs: 3_600_000, segmentBytes: 1e9 }, async () => {
    await pipeline.send(150);
    await until("the full one is archived", async () => await pipeline.archived() === 100);
    await pipeline.send(49);
    await pipeline.send(1);
    await until("the next one is, too", async () => await pipeline.archived() === 200);
    await pipeline.send(30);
  });
  assertEquals(counts(await pipeline.keys()), [100, 100]); // 30 wait.
  const size = JSON.stringify({ widget_id: "w1", owner_id: "o" }).length + 2;
  await whileArchiving(pipeline, { segmentBytes: 20 * size, segmentAgeMs: 3_600_000 }, async () => {
    await until("it is full by bytes", async () => await pipeline.archived() >= 218);
  });
  const archived = await pipeline.archived();
  assert(archived < 230);
  await whileArchiving(pipeline, { segmentAgeMs: 1 }, async () => {
    await until("it is old enough", async () => await pipeline.archived() === 230);
  });
  await pipeline.assertArchived();
});

Deno.test("runArchiver() finds new streams by itself, but those that are left out; each has its own limits", async () => {
  await using pipeline = await archivedPipeline();
  const { sql, redis } = pipeline;
  const name = crypto.randomUUID();
  const [kept, dropped, other] = ["kept", "drafts", "other"].map((kind) =>
    defineStreamName(`stream:test-${name}-${kind}:events`)
  );
  try {
    const options = {
      include: [`stream:test-${name}-*`],
      exclude: ["*-drafts:*"],
      rules: [{ pattern: kept!, limits: { ageMs: 1 } }],
    };
    const found = async (): Promise<string[]> => {
      const leases = await sql`SELECT stream_name FROM events.stream_lease WHERE role = 'archiver' ORDER BY 1`;
      return leases.map((row) => String(row["stream_name"]));
    };
    await whileArchiving(pipeline, options, async () => {
      for (const stream of [dropped!, kept!, other!]) await pipeline.send(5, stream);
      await until("the new stream is archived", async () => await pipeline.archived(kept!) === 5);
      await until("the last one is found, too", async () => (await found()).includes(other!));
    });
    assertEquals(await found(), [kept!, other!].sort());
    assertEquals(await pipeline.archived(other!), 0);
    // Who leaves out what was archived before learns that Redis is not trimmed any more.
    const health = new Health();
    await pipeline.send(5, kept!);
    await whileArchiving(pipeline, { exclude: [kept!], health, stallMs: 100 }, async () => {
      await until("it is noted", () => health.notes().get(kept!)?.includes("Redis keeps all") ?? false);
    });
    assertEquals(health.faults().size, 0);
  } finally {
    await redis.call("DEL", kept!);
    await redis.call("DEL", dropped!);
    await redis.call("DEL", other!);
  }
});

Deno.test("runArchiver() with once ends where the stream ended when it began, however much is sent meanwhile", async () => {
  await using pipeline = await archivedPipeline();
  const { sql, stream } = pipeline;
  await pipeline.send(60);
  let steps = 0;
  await pipeline.archive({
    segmentCount: 10,
    async atStep(step) {
      if (step !== "before put") return;
      steps++;
      await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(20) }));
      await pipeline.publish();
    },
  });
  assertEquals([steps, await pipeline.archived()], [6, 60]);
});

Deno.test("runArchiver() keeps its lease while a PUT takes longer than that", async () => {
  await using pipeline = await archivedPipeline();
  const { store } = pipeline;
  await pipeline.send(10);
  let puts = 0;
  const slow = {
    ...store,
    async put(...args: Parameters<typeof store.put>) {
      puts++;
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      return await store.put(...args);
    },
  };
  const archive = () => pipeline.archive({ store: slow, leaseMs: 600 });
  await Promise.all([archive(), archive()]);
  assertEquals(puts, 1); // The other one never took it over.
  await pipeline.assertArchived();
});

Deno.test("runArchiver() tells its lag, what it has put, and when that was verified; a stall is red", async () => {
  await using pipeline = await archivedPipeline();
  const { sql, stream } = pipeline;
  const metrics = prometheusMetrics();
  const health = new Health();
  await pipeline.send(30);
  await recordVerification(sql, { stream, upTo: 10, faults: 2 });
  const value = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name}\\{stream="${stream}"[^}]*\\} (\\S+)$`, "m").exec(await metrics.render())?.[1]);
  const options = { metrics, health, segmentCount: 20, segmentAgeMs: 400, stallMs: 300 };
  let hang = Promise.withResolvers<void>();
  await whileArchiving(
    pipeline,
    { ...options, atStep: (step) => step === "before put" ? hang.promise : undefined },
    async () => {
      await until("the lag is told", async () => await value("events_archive_lag_events") === 30);
      await until("the stall is red", () => health.faults().has(`${stream} stall`));
      assert(await value("events_archive_lag_seconds") >= 0.7);
      assertStringIncludes(health.faults().get(`${stream} verification`)!, "2 faults");
      hang.resolve();
      hang = Promise.withResolvers();
      hang.resolve();
      await until("all is archived", async () => await value("events_archived_total") === 30);
      await until("the lag is gone", async () => await value("events_archive_lag_events") === 0);
      assertEquals(await value("events_archive_lag_seconds"), 0);
      assertEquals(await value("events_archive_segments_total"), 2);
      assertEquals(await value("events_archive_put_duration_seconds_count"), 2);
      assert(await value("events_archive_bytes_total") > 100);
      for (const name of ["last_success", "last_verified"]) {
        assert(Math.abs(await value(`events_archive_${name}_timestamp_seconds`) - Date.now() / 1_000) < 60);
      }
      assertEquals([...health.faults().keys()], [`${stream} verification`]);
    },
  );
});
