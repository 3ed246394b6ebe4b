import { fromJsonLine, fromStreamFields } from "@events-pipeline/common";
import { Health } from "@events-pipeline/common/health";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { startRedis } from "@events-pipeline/local";
import { until } from "@events-pipeline/local/until";
import { runPublisher } from "@events-pipeline/publisher";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals, assertMatch } from "@std/assert";
import { gunzipSync } from "node:zlib";
import { runArchiver } from "./archiver.ts";
import { archivedPipeline, widgets } from "./testdata/archived_pipeline.ts";

Deno.test("runArchiver() reads from the outbox what was trimmed in front of it, or lost in the midst", async () => {
  await using pipeline = await archivedPipeline();
  const { redis, stream } = pipeline;
  await pipeline.send(90);
  const entries = await redis.call("XRANGE", stream, "-", "+") as [string, string[]][];
  await redis.call("XTRIM", stream, "MAXLEN", 60);
  await redis.call("XDEL", stream, ...entries.slice(50, 55).map(([id]) => id));
  await redis.call("XDEL", stream, entries.at(-1)![0]);
  await pipeline.archive({ segmentCount: 40 });
  assertEquals(await pipeline.archived(), 90);
  const lines = (await Promise.all((await pipeline.keys()).map((key) => pipeline.store.get(key))))
    .flatMap(({ body }) => gunzipSync(body).toString().trimEnd().split("\n").map(fromJsonLine));
  assertEquals(lines, entries.map(([id, fields]) => fromStreamFields(stream, id, fields)));
});

Deno.test("runArchiver() is red at entries that nobody has, names them, and goes on when they are there", async () => {
  await using pipeline = await archivedPipeline();
  const { sql, redis, store, stream } = pipeline;
  await pipeline.send(60);
  const rows = await sql`SELECT * FROM events.outbox_event WHERE stream_position BETWEEN 31 AND 40`;
  await sql`DELETE FROM events.outbox_event WHERE stream_position BETWEEN 31 AND 40`;
  const entries = await redis.call("XRANGE", stream, "-", "+") as [string, string[]][];
  await redis.call("XDEL", stream, ...entries.slice(30, 40).map(([id]) => id));
  const health = new Health();
  const stop = new AbortController();
  const running = runArchiver({
    ...{ sql, redis, store, health, signal: stop.signal },
    ...{ segmentAgeMs: 1, pollMs: 50, backoff: { baseMs: 50, maxMs: 200 } },
  });
  try {
    await until("health is red", () => health.faults().has(stream));
    assertMatch(
      health.faults().get(stream)!,
      /Redis lacks positions 31 to 40, and the outbox does not have position 31/,
    );
    assertEquals(await pipeline.archived(), 30);
    for (const row of rows) {
      await sql`
        INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, metadata, created_at, published_at, stream_entry_id)
        VALUES (${row["event_id"]}, ${stream}, ${row["event_type"]}, ${row["payload"]}, ${row["metadata"]}, ${
        row["created_at"]
      },
                ${row["published_at"]}, ${row["stream_entry_id"]})`;
    }
    await until("all is archived", async () => await pipeline.archived() === 60);
    assertEquals(health.faults().size, 0);
  } finally {
    stop.abort();
    await running;
  }
});

Deno.test("runArchiver() and a publisher, while Redis loses everything again and again, archive each event once", async () => {
  await using server = await startRedis();
  await using pipeline = await archivedPipeline({ redisUrl: server.url });
  const { sql, redis, store, stream } = pipeline;
  const wakeUpSql = connectPostgres(pipeline.databaseUrl, { applicationName: "test", connections: 1 });
  const stop = new AbortController();
  const { signal } = stop;
  const running = Promise.all([
    runPublisher({ sql, wakeUpSql, redis, signal, verifyMs: 100, pollMs: 50, backoff: { baseMs: 20, maxMs: 200 } }),
    runArchiver({
      ...{ sql, redis, store, signal, segmentCount: 30, segmentAgeMs: 50, pollMs: 20 },
      backoff: { baseMs: 20, maxMs: 200 },
    }),
  ]);
  const sent: string[] = [];
  try {
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 5; i++) {
        sent.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(15) })));
        if (i === round % 5) await redis.call("FLUSHALL");
      }
    }
    await until("all is archived", async () => await pipeline.archived() === sent.length, 30_000);
    await until(
      "the stream is whole again",
      async () => Number(await redis.call("XLEN", stream)) === sent.length,
      30_000,
    );
  } finally {
    stop.abort();
    await running;
    await closePostgres(wakeUpSql);
  }
  (pipeline.sent as string[]).push(...sent);
  await pipeline.assertArchived();
});
