import { readLease } from "@events-pipeline/common/lease";
import { silentLogger as logger } from "@events-pipeline/common/logger";
import { Health } from "@events-pipeline/common/health";
import { noMetrics as metrics } from "@events-pipeline/common/metrics";
import { runArchiver } from "@events-pipeline/archiver";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { runConsumers } from "@events-pipeline/consumer";
import { until } from "@events-pipeline/local/until";
import { MemoryPressure, runHousekeeping, runPublisher } from "@events-pipeline/publisher";
import { assert, assertEquals } from "@std/assert";
import { checkPipeline, listStreams } from "./check_pipeline.ts";
import { reportText } from "./report_text.ts";
import { type CheckedPipeline, checkedPipeline, faultsOf } from "./testdata/checked_pipeline.ts";
import { objectsOf } from "./testdata/spoil.ts";

const versions = [{ eventType: "WidgetCreated", field: "owner_id", keyField: "widget_id" }];

Deno.test("checkPipeline() finds nothing where nothing is wrong, and says how much it has seen", async () => {
  await using pipeline = await checkedPipeline(150);
  const { sql, redis, stream, archive, handled } = pipeline;
  const report = await checkPipeline({ sql, redis, archive, handled, versions, complete: true });
  assertEquals([report.right, faultsOf(report)], [true, {}], reportText(report));
  assertEquals(report.streams.map(({ stream, backlog, inFlight }) => [stream, backlog, inFlight]), [[stream, 0, 0]]);
  assertEquals(report.streams[0]!.stages.map(({ stage, events, upTo }) => [stage, events, upTo]), [
    ["outbox", 150, 150],
    ["stream", 150, 150],
    ["archive", 150, 150],
    ["handled", 150, 150],
    ["version of WidgetCreated.owner_id", 150, 150],
  ]);
});

Deno.test("checkPipeline() compares what was sent byte for byte, line breaks and all, and only what a consumer wants", async () => {
  await using pipeline = await checkedPipeline(3);
  const { sql, stream, check } = pipeline;
  for (const payload of ['{\n "text" :\r\n\n "a\\nb\u00e9\\u0000"}', '"\u{1f600}"', " [1.00, 1e400] "]) {
    await sql`INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, metadata)
              VALUES (gen_random_uuid(), ${stream}, 'Noted', ${payload}::text::json, ${'{"a":\n1}'}::text::json)`;
  }
  await pipeline.publish();
  await pipeline.consume();
  await pipeline.archiveAll();
  const report = await check({ complete: true, handled: { table: "handled", eventTypes: ["WidgetCreated"] } });
  assertEquals(faultsOf(report), {}, reportText(report));
  assertEquals(report.streams[0]!.stages.map(({ events }) => events), [6, 6, 6, 3]);
  assertEquals(faultsOf(await check()), { "handled.lost": 3 });
});

Deno.test("checkPipeline() takes what is on its way for right, unless nothing may be", async () => {
  await using pipeline = await checkedPipeline(40);
  const { sql, stream, send, publish, check } = pipeline;
  await send(10);
  await publish();
  const behind = await check();
  assertEquals(faultsOf(behind), {});
  assertEquals(behind.streams[0]!.stages.map(({ stage, upTo }) => [stage, upTo]), [
    ["outbox", 50],
    ["stream", 50],
    ["archive", 40],
    ["handled", 40],
  ]);
  assertEquals(faultsOf(await check({ complete: true })), { "archive.lost": 10, "handled.lost": 10 });
  // A batch whose commit was lost: the entries are there, the rows are not marked.
  const { checkpoint } = (await readLease(sql, { stream, role: "archiver" }))!;
  await sql`UPDATE events.outbox_event SET published_at = NULL, stream_entry_id = NULL WHERE stream_position > 40`;
  await sql`UPDATE events.stream_lease SET checkpoint = ${checkpoint} WHERE role = 'publisher'`;
  await send(3);
  const { right, streams: [report] } = await check();
  assertEquals([right, report!.backlog, report!.inFlight], [true, 13, 10]);
  assertEquals((await check({ complete: true })).right, false);
  // The consumer may be ahead of the publisher's commit.
  await pipeline.consume();
  const ahead = await check();
  assertEquals([faultsOf(ahead), ahead.streams[0]!.stages.at(-1)!.upTo], [{}, 50]);
  await sql`DELETE FROM handled WHERE id = 45`;
  assertEquals(faultsOf(await check()), { "handled.lost": 1 });
});

Deno.test("checkPipeline() takes what was cleaned up and trimmed for right, whoever still has it", async () => {
  await using pipeline = await checkedPipeline(60);
  const { sql, redis, stream, check } = pipeline;
  await sql`DELETE FROM events.outbox_event WHERE stream_position <= 40`;
  await sql`INSERT INTO events.stream_retention (stream_name, cleaned_to, trimmed_to) VALUES (${stream}, 40, 30)`;
  assertEquals(faultsOf(await check()), {});
  await redis.call("XTRIM", stream, "MAXLEN", 30);
  assertEquals(faultsOf(await check()), {});
  assertEquals(faultsOf(await check({ archive: undefined })), {});
  await redis.call("XTRIM", stream, "MAXLEN", 29);
  assertEquals(faultsOf(await check()), { "stream.missing": 1 });
  await sql`UPDATE events.stream_retention SET trimmed_to = 60`;
  await redis.call("DEL", stream);
  assertEquals(faultsOf(await check()), {});
  // Events that nobody has any more cannot be told from others, only those that are known can.
  assertEquals(faultsOf(await check({ archive: undefined })), {});
  await sql`DELETE FROM handled WHERE id = 50`;
  assertEquals(faultsOf(await check({ archive: undefined })), { "handled.lost": 1 });
});

Deno.test("checkPipeline() blames no handled event that nobody else has any more", async () => {
  await using pipeline = await checkedPipeline(60);
  const { sql, redis, stream, folder, check } = pipeline;
  await sql`DELETE FROM events.outbox_event WHERE stream_position <= 50`;
  await sql`INSERT INTO events.stream_retention (stream_name, cleaned_to, trimmed_to) VALUES (${stream}, 50, 60)`;
  await redis.call("DEL", stream);
  await Deno.remove((await objectsOf(folder))[1]!);
  assertEquals(faultsOf(await check()), { "archive.missing": 20 });
});

Deno.test("checkPipeline() takes rows for cleaned up that go while it reads the outbox", async () => {
  await using pipeline = await checkedPipeline();
  const { stream, send, publish, check } = pipeline;
  await send(6_000);
  await publish();
  // A pool of one connection: what the check sends after the clean-up waits for it.
  const one = connectPostgres(pipeline.databaseUrl, { applicationName: "test", connections: 1 });
  let cleaning: Promise<unknown> | undefined;
  const report = await check({
    sql: one,
    handled: undefined,
    onProgress({ stage }) {
      if (stage !== "outbox") return;
      cleaning ??= one.begin(async (tx) => {
        await tx`DELETE FROM events.outbox_event WHERE stream_position <= 5500`;
        await tx`INSERT INTO events.stream_retention (stream_name, cleaned_to) VALUES (${stream}, 5500)`;
      });
    },
  });
  await cleaning;
  await closePostgres(one);
  assertEquals(faultsOf(report), {});
  assertEquals(report.streams[0]!.stages[0]!.events, 5_500);
});

Deno.test("checkPipeline() finds nothing wrong while everything runs: sending, publishing, handling, archiving, cleaning, trimming", async () => {
  await using pipeline = await checkedPipeline(20);
  await using running = runAll(pipeline);
  let checks = 0;
  for (; checks < 8 || running.sent < 3_000; checks++) {
    const report = await pipeline.check({ versions });
    assertEquals(faultsOf(report), {}, reportText(report));
  }
  await running.stopSending();
  const done = async () => {
    const { streams: [report] } = await pipeline.check();
    return report!.backlog === 0 && report!.stages.every(({ upTo }) => upTo === running.sent + 20);
  };
  await until("everything has arrived", done, 30_000);
  const report = await pipeline.check({ complete: true, versions });
  assertEquals(faultsOf(report), {}, reportText(report));
  const [cleared] = await pipeline.sql<{ cleaned_to: number; trimmed_to: number }[]>`
    SELECT cleaned_to::int, trimmed_to::int FROM events.stream_retention`;
  assert(cleared!.cleaned_to > 0 && cleared!.trimmed_to > 0);
});

interface Running extends AsyncDisposable {
  readonly sent: number;
  stopSending(): Promise<void>;
}

/** Runs every part of a pipeline, with short waits, and keeps sending. */
function runAll({ sql, redisUrl, redis, archive, consumer, send }: CheckedPipeline): Running {
  const stop = new AbortController();
  const stopSending = new AbortController();
  const { signal } = stop;
  const health = new Health();
  const blockingRedis = connectRedis(redisUrl, { clientName: "test", commandTimeoutMs: 15_000 });
  let sent = 0;
  const sending = (async () => {
    while (!stopSending.signal.aborted) {
      await send(7);
      sent += 7;
    }
  })();
  const parts = [
    runPublisher({ sql, wakeUpSql: sql, redis, signal, pollMs: 20, batchRows: 10 }),
    runConsumers([consumer], { sql, redis, blockingRedis, signal }),
    runArchiver({ sql, redis, store: archive, signal, segmentAgeMs: 50, pollMs: 20, segmentCount: 50 }),
    runHousekeeping({
      ...{ sql, redis, readerDatabases: [sql], logger, health, metrics, signal, pressure: new MemoryPressure() },
      ...{ keepMs: 500, cleanEveryMs: 50, cleanRows: 50, retentionMs: 300, trimEveryMs: 50 },
    }),
  ];
  return {
    get sent() {
      return sent;
    },
    async stopSending() {
      stopSending.abort();
      await sending;
    },
    async [Symbol.asyncDispose]() {
      stopSending.abort();
      await sending;
      stop.abort();
      await Promise.all(parts);
      await blockingRedis.close();
    },
  };
}

Deno.test("listStreams() names streams that are published and streams that wait to be", async () => {
  await using pipeline = await checkedPipeline();
  assertEquals(await listStreams(pipeline.sql), []);
  await pipeline.send(1);
  assertEquals(await listStreams(pipeline.sql), [pipeline.stream]);
  await pipeline.publish();
  assertEquals(await listStreams(pipeline.sql), [pipeline.stream]);
});

Deno.test("checkPipeline() wants to know which consumer fills a table, if there are several", async () => {
  await using pipeline = await checkedPipeline(5);
  const { sql, stream, check, handled } = pipeline;
  const fails = (table: typeof handled) => check({ handled: table }).then(() => "", (error) => error.message);
  assertEquals(
    await fails({ ...handled, consumer: "other" }),
    "Cannot check handled: the consumer other has not begun, there are only test:handled",
  );
  await sql`INSERT INTO events.stream_lease (stream_name, role) VALUES (${stream}, 'consumer:other')`;
  assertEquals(
    await fails(handled),
    "Cannot check handled: it must be said which consumer fills it: other, test:handled",
  );
  assertEquals(faultsOf(await check({ handled: { ...handled, consumer: "test:handled" } })), {});
  assertEquals(
    faultsOf(await check({ handled: { ...handled, consumer: "test:handled", eventTypes: ["Nothing"] } })),
    { "handled.unexpected": 5 },
  );
});
