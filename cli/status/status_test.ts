import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startRedis } from "@events-pipeline/local";
import { runTask, startDaemon, type TaskOutput } from "@events-pipeline/local/daemon_process";
import { createRedisUser } from "@events-pipeline/local/redis_users";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type ConsumerOverview, type Overview, readOverview, type StreamOverview } from "./overview.ts";
import { findStalls } from "./stalls.ts";

function status({ databaseUrl, redisUrl }: TestPipeline, ...args: string[]): Promise<TaskOutput> {
  return runTask("status", { args, environment: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } });
}

async function send({ sql, stream }: TestPipeline, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
}

function overviewOf({ sql, redis }: TestPipeline): Promise<Overview> {
  return readOverview({ sql, consumerSql: sql, redis });
}

/** A reader of a stream, as its daemon would leave it. */
async function reader({ sql, stream }: TestPipeline, role: string, checkpoint: string, atWork: boolean): Promise<void> {
  await sql`
    INSERT INTO events.stream_lease (stream_name, role, checkpoint, owner_id, lease_until)
    VALUES (${stream}, ${role}, ${checkpoint}, 'owner-1234', ${
    atWork ? sql`clock_timestamp() + interval '1 hour'` : null
  })`;
}

Deno.test("status of an empty pipeline says so, and exits with 0", async () => {
  await using pipeline = await testPipeline();
  const { code, stdout, stderr } = await status(pipeline);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(
    stdout,
    /^At \S+Z\nDaemons: publisher not seen, consumer not seen, archiver not seen\nRedis: [^]*\n\nNo event was ever sent\.\n\nNo consumer has ever begun\.\n\nNothing is stalled\.\n$/,
  );
});

Deno.test("status shows streams, consumers and archives, as a Redis user who may only look", async () => {
  await using server = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql, stream, redis } = pipeline;
  await send(pipeline, 3);
  await pipeline.publish();
  await send(pipeline, 2);
  const [, second, last] = (await redis.call("XRANGE", stream, "-", "+") as [string][]).map(([id]) => id);
  await reader(pipeline, "archiver", "0-0", false);
  await reader(pipeline, "consumer:mail", second!, true);
  await reader(pipeline, "consumer:search", last!, false);
  await sql`
    INSERT INTO events.stream_loss (stream_name, first_position, last_position) VALUES (${stream}, 1, 1)`;
  await sql`
    INSERT INTO events.consumer_state (consumer_name, stream_name, failing_event_id, failing_entry_id, attempts,
                                       last_error, failing_since, retry_at)
    VALUES ('mail', ${stream}, gen_random_uuid(), ${last!}, 4, ${"no such\nowner"}, now(), now())`;
  const redisUrl = await createRedisUser(server.url, { name: "observer", document: "cli/ROLES.md" });
  const shown = await status({ ...pipeline, redisUrl });
  assertEquals([shown.code, shown.stderr], [0, ""]);
  const rows = shown.stdout.split("\n").map((line) => line.split(/ {2,}/));
  const row = (first: string, second?: string) =>
    rows.find((cells) => cells[0] === first && (second === undefined || cells[1] === second))!;
  const streamRow = row(stream);
  assertEquals([streamRow[1], streamRow[2], streamRow[4], streamRow[7], streamRow[8]], [
    ...["0.1/s", "2", "3", "1", "0-0 (archiver)"],
  ]);
  assertMatch(streamRow[5]!, /^[\d.]+ (?:B|KiB)$/);
  const mail = row("mail");
  assertEquals([mail[2], mail[3], mail[5], mail[6], mail[7], mail[8]], [
    ...["failing", "1", "owner-12", "4", "0", "no such owner"],
  ]);
  assertEquals(row("search").slice(2, 5), ["stopped", "0", "-"]);
  assertEquals(rows.filter((cells) => cells[0] === stream).at(-1)!.slice(1, 2), ["3"]); // The archive's lag
  const json = JSON.parse((await status(pipeline, "--json")).stdout);
  assertEquals(Object.keys(json), ["at", "daemons", "memory", "streams", "consumers", "archives", "stalls"]);
  assertEquals([json.streams[0].unpublished, json.consumers[0].lag.events, json.archives[0].lag.events], [2, 1, 3]);
});

Deno.test("status exits with 1 and the reason when nobody publishes, and with 0 when somebody has", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream, databaseUrl, redisUrl } = pipeline;
  await send(pipeline, 2);
  assertEquals((await status(pipeline)).code, 0); // It has just been sent.
  await sql`UPDATE events.outbox_event SET created_at = created_at - interval '10 minutes'`;
  const stalled = await status(pipeline);
  assertEquals([stalled.code, stalled.stderr], [1, ""]);
  assertStringIncludes(
    stalled.stdout,
    `Stalled:\n  ${stream}: nothing is published, and the oldest of 2 rows has waited for 10 min: no publisher is connected`,
  );
  assertEquals((await status(pipeline, "--stalled-after", "3600")).code, 0);
  const publisher = await startDaemon("publisher", { environment: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } });
  await until("it is published", async () => (await overviewOf(pipeline)).streams[0]!.unpublished === 0);
  const well = await status(pipeline);
  assertEquals(well.code, 0);
  assertStringIncludes(well.stdout, "Daemons: publisher up,");
  publisher.kill("SIGTERM");
  await publisher.ended;
});

Deno.test("findStalls() names consumers that fail, stand still or are not run, and archives; a paused consumer is none", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream, redis } = pipeline;
  await send(pipeline, 3);
  await pipeline.publish();
  const last = (await redis.call("XREVRANGE", stream, "+", "-", "COUNT", 1) as [string][])[0]![0];
  for (const name of ["failing", "paused", "stopped", "well"]) {
    await reader(pipeline, `consumer:${name}`, name === "well" ? last : "0-0", name !== "stopped");
  }
  await reader(pipeline, "consumer:still", "0-0", true);
  await reader(pipeline, "archiver", "0-0", false);
  await sql`
    INSERT INTO events.consumer_state (consumer_name, stream_name, failing_event_id, failing_entry_id, attempts,
                                       last_error, failing_since, retry_at)
    VALUES ('failing', ${stream}, gen_random_uuid(), '1-1', 9, 'No such owner', now() - interval '1 hour', now())`;
  await sql`
    INSERT INTO events.consumer_state (consumer_name, stream_name, paused_at) VALUES ('paused', ${stream}, now())`;
  await sql`INSERT INTO events.archive_verification (stream_name, verified_to, faults) VALUES (${stream}, 3, 2)`;
  const overview = await overviewOf(pipeline);
  // As it would be an hour later.
  const consumers = overview.consumers.map((consumer) => {
    const { events, seconds } = consumer.lag;
    return { ...consumer, lag: { events, seconds: events === 0 ? undefined : seconds! + 3_600 } };
  });
  const stalls = findStalls({ ...overview, at: overview.at + 3_600_000, consumers }, 60);
  assertEquals(stalls.map((stall) => stall.reason.replace(/ \(.*/, "").replace(stream, "S")), [
    ...["failing", "still", "stopped", "archive of S: 2 faults were found: 'deno task archive verify' names them"],
  ]);
  assertMatch(stalls[0]!.reason, /fails on event \S+ for 2 h, 9 attempts: No such owner$/);
  assertMatch(stalls[1]!.reason, /runs, and has not moved for 60 min: 3 events wait, the first for 60 min$/);
  assertMatch(stalls[2]!.reason, /no process runs it, and 3 events wait/);
});

Deno.test("findStalls() names an archive that is late, with or without an archiver, and a Redis that is full or evicts", () => {
  const archive = {
    stream: "s",
    owner: undefined,
    checkpoint: "0-0",
    lag: { events: 3, seconds: 901 },
    verification: undefined,
  };
  const overview: Overview = {
    at: 0,
    daemons: { publisher: 1, consumer: 1, archiver: 1 },
    memory: { used: 81, limit: 100, policy: "noeviction" },
    redisFault: undefined,
    streams: [],
    consumers: [],
    archives: [
      archive,
      { ...archive, stream: "t", owner: "o" },
      { ...archive, stream: "in time", lag: { events: 3, seconds: 900 } },
      { ...archive, stream: "at the end", lag: { events: 0, seconds: undefined } },
    ],
  };
  assertEquals(findStalls(overview, 60), [
    { stage: "redis", reason: "Redis: 81 % of maxmemory is in use, so the publisher slows down" },
    {
      stage: "archiver",
      reason: "archive of s: 3 events wait, the first for 15 min: no archiver has the stream",
    },
    {
      stage: "archiver",
      reason: "archive of t: 3 events wait, the first for 15 min: an archiver has the stream: its log says why",
    },
  ]);
  const redisStalls = (memory: Overview["memory"]) => findStalls({ ...overview, memory, archives: [] }, 60);
  assertEquals(redisStalls({ used: 80, limit: 100, policy: "noeviction" }), []);
  assertMatch(
    redisStalls({ used: 1, limit: 100, policy: "allkeys-lru" })[0]!.reason,
    /allkeys-lru, which deletes streams/,
  );
});

Deno.test("findStalls() names who keeps a stream from being trimmed, and for how long; a lag within the retention is none", () => {
  const now = Date.now();
  const lag = { events: 12_034, seconds: 26 * 3_600 };
  const consumer: ConsumerOverview = {
    ...{ consumer: "mail", stream: "s", checkpoint: "1-5", updatedAt: new Date(now), owner: "o", state: "running" },
    ...{ failing: undefined, deadLetters: 0, lag },
  };
  const archive = { stream: "s", owner: "o", checkpoint: "1-5", lag, verification: undefined };
  const stream = (heldBy: string): StreamOverview => ({
    ...{ stream: "s", rate: 0, unpublished: 0, unpublishedSeconds: 0, lastId: `${now}-12039`, lost: 0 },
    ...{ entries: 12_039, bytes: 3 * 1_024 * 1_024, floor: { entryId: "1-5", heldBy } },
  });
  const held = (changes: Partial<Overview>): string[] =>
    findStalls({
      ...{ at: now, daemons: { publisher: 1, consumer: 1, archiver: 1 }, redisFault: undefined },
      ...{ memory: { used: 50, limit: 100, policy: "noeviction" }, consumers: [], archives: [] },
      ...{ streams: [stream("consumer:mail")], ...changes },
    }, 60).filter(({ stage, reason }) => stage === "redis" && reason.startsWith("s:")).map(({ reason }) => reason);
  assertEquals(held({ consumers: [consumer] }), [
    "s: mail, which is running, keeps 12034 of 12039 entries of 3.0 MiB from being trimmed, the first for 26 h",
  ]);
  assertMatch(held({ consumers: [{ ...consumer, state: "paused" }] })[0]!, /^s: mail, which is paused, keeps/);
  assertMatch(held({ archives: [archive], streams: [stream("archiver")] })[0]!, /^s: the archiver keeps 12034 of/);
  // Within a day an entry would be there anyway.
  const later = (seconds: number | undefined): ConsumerOverview => ({ ...consumer, lag: { events: 3, seconds } });
  assertEquals(held({ consumers: [later(24 * 3_600)] }), []);
  assertEquals(held({ consumers: [later(undefined)] }), []);
  assertEquals(held({ consumers: [consumer], streams: [stream("publisher")] }), []);
  // Unless Redis is nearly full.
  const memory = { used: 90, limit: 100, policy: "noeviction" };
  assertMatch(
    held({ memory, consumers: [later(61)] })[0]!,
    /keeps 3 of .*, the first for 61 s, and Redis is nearly full$/,
  );
  assertEquals(held({ memory, consumers: [later(59)] }), []);
  assertEquals(
    held({ memory, archives: [{ ...archive, lag: { events: 3, seconds: 899 } }], streams: [stream("archiver")] }),
    [],
  );
});

Deno.test("status --watch shows it again and again, and Ctrl-C ends it with 0", async () => {
  await using pipeline = await testPipeline();
  const { databaseUrl, redisUrl } = pipeline;
  const environment = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl };
  let output = "";
  const daemon = await startDaemon("status", {
    ...{ environment, args: ["--watch", "--json"] },
    onOutput: (text) => output += text,
  });
  await until("it was shown twice", () => output.split("\n").filter((line) => line.startsWith("{")).length >= 2);
  daemon.kill("SIGINT");
  assertEquals(await daemon.ended, 0);
});

Deno.test("status refuses a wrong flag with 2, and says which server does not answer", async () => {
  await using pipeline = await testPipeline();
  const wrong = await status(pipeline, "--stalled-after", "soon");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.stderr, "--stalled-after must be a whole number of seconds");
  await send(pipeline, 2);
  const withoutRedis = await status({ ...pipeline, redisUrl: "redis://127.0.0.1:1" });
  assertEquals([withoutRedis.code, withoutRedis.stderr], [1, ""]);
  assertMatch(withoutRedis.stdout, /\nRedis: no answer\n\nSTREAM [^]* 2 [^]*\nStalled:\n {2}Redis: .*ECONNREFUSED/);
  const away = await status({ ...pipeline, databaseUrl: "postgres://app:secret@127.0.0.1:1/x" });
  assertEquals([away.code, away.stdout], [1, ""]);
  assertMatch(away.stderr, /^deno task status: .*127\.0\.0\.1:1/);
  assert(!away.stderr.includes("secret"));
});

Deno.test("readOverview() asks PostgreSQL as often for 500 consumers as for one", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream, redis } = pipeline;
  await send(pipeline, 3);
  await pipeline.publish();
  const statements = async (): Promise<number> => {
    let count = 0;
    const counting = new Proxy(sql, { apply: (target, self, args) => (count++, Reflect.apply(target, self, args)) });
    await readOverview({ sql: counting, consumerSql: counting, redis });
    return count;
  };
  await reader(pipeline, "consumer:one", "0-0", true);
  const forOne = await statements();
  await sql`
    INSERT INTO events.stream_lease (stream_name, role, checkpoint)
    SELECT ${stream}, 'consumer:c' || g, '0-0' FROM generate_series(1, 499) AS g`;
  assertEquals(await statements(), forOne);
  const { consumers } = await overviewOf(pipeline);
  assertEquals([consumers.length, new Set(consumers.map(({ lag }) => lag.events))], [500, new Set([3])]);
});
