import { openStore, runArchiver } from "@events-pipeline/archiver";
import { defineEvent, defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { connectRedis } from "@events-pipeline/common/redis";
import { type Consumer, defineConsumer, runConsumers } from "@events-pipeline/consumer";
import { runTask, startDaemon, type TaskOutput } from "@events-pipeline/local/daemon_process";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { pathToFileURL } from "node:url";
import { z } from "zod";

const Noted = defineEvent("ReplayTestNoted", { text: z.string() });

/** A stream of 60 widgets, a note behind each tenth; archived, 8 an object, and no longer in the outbox. */
interface Archived extends AsyncDisposable {
  readonly pipeline: TestPipeline;
  /** The entry ids by position, from 1. */
  readonly ids: readonly string[];
  replay(...args: string[]): Promise<TaskOutput>;
  /** Starts one, has it do some work, and ends it by force. */
  killed(args: readonly string[], isAmidst: () => Promise<boolean>): Promise<void>;
}

async function archived(): Promise<Archived> {
  await using cleanUp = new AsyncDisposableStack();
  const pipeline = cleanUp.use(await testPipeline());
  const folder = await Deno.makeTempDir();
  cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
  const { sql, redis, stream, databaseUrl } = pipeline;
  const events = Array.from({ length: 60 }, (_, i) => [
    WidgetCreated.create({ widget_id: `w${i + 1}`, owner_id: "o" }),
    ...(i % 10 === 9 ? [Noted.create({ text: "half-time" })] : []),
  ]).flat();
  await sql.begin((tx) => sendEvents(tx, { stream, events, metadata: { correlation_id: "c" } }));
  await pipeline.publish();
  const url = pathToFileURL(folder).href;
  const store = await openStore(url);
  await runArchiver({ sql, redis, store, signal: AbortSignal.timeout(30_000), once: true, segmentCount: 8 });
  const rows = await sql`SELECT stream_entry_id AS id FROM events.outbox_event ORDER BY stream_position`;
  const environment = { DATABASE_URL: databaseUrl, ARCHIVE_URL: url };
  const all = ["--stream", stream];
  const owned = cleanUp.move();
  return {
    pipeline,
    ids: ["", ...rows.map((row) => row["id"] as string)],
    replay: (...args) => runTask("replay", { args: [...all, ...args], environment }),
    async killed(args, isAmidst) {
      const process = await startDaemon("replay", { args: [...all, ...args], environment });
      await until("it is amidst its work", isAmidst);
      process.kill("SIGKILL");
      await process.ended;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A consumer whose effects are rows, in the order in which they were made. */
async function counting({ sql, stream }: TestPipeline, refuses: () => string | undefined): Promise<Consumer> {
  await sql`CREATE TABLE effect (id bigint GENERATED ALWAYS AS IDENTITY, widget_id text NOT NULL)`;
  return defineConsumer({
    ...{ stream, name: "test:replay", events: [WidgetCreated], retryMs: 10 },
    async handle(event, _context, tx) {
      await tx`INSERT INTO effect (widget_id) VALUES (${event.payload.widget_id})`;
      if (event.payload.widget_id === refuses()) throw new Error("not this time");
    },
  });
}

const effects = async ({ sql }: TestPipeline): Promise<string[]> =>
  (await sql`SELECT widget_id FROM effect ORDER BY id`).map((row) => row["widget_id"]);
const widgets = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => `w${first + i}`);

Deno.test("replay --consumer has a range handled once more, each event once, though it is killed; and nothing else changes", async () => {
  await using scene = await archived();
  const { pipeline, ids } = scene;
  const { sql, redis, stream } = pipeline;
  let refused: string | undefined;
  const consumer = await counting(pipeline, () => refused);
  const blockingRedis = connectRedis(pipeline.redisUrl, { clientName: "test", commandTimeoutMs: 15_000 });
  const stop = new AbortController();
  const running = runConsumers([consumer], { sql, redis, blockingRedis, signal: stop.signal, leaseMs: 2_000 });
  try {
    await until("it has caught up", async () => (await effects(pipeline)).length === 60);
    await sql`DELETE FROM events.outbox_event`;
    const state = () =>
      sql`SELECT l.checkpoint, count(p.*)::int AS handled, max(p.processed_at) AS at
          FROM events.stream_lease l, events.processed_event p WHERE l.role = 'consumer:test:replay' GROUP BY 1`;
    const before = [...await state()];
    // Positions 5 to 50 have the notes at 11, 22, 33 and 44.
    const range = ["--from", ids[5]!, "--to", ids[50]!, "--consumer", "test:replay"];
    const asked = await scene.replay(...range);
    assertEquals(asked.code, 1);
    assertMatch(asked.stdout, /'test:replay' handles once more: 46 events of \S+, positions 5 to 50\./);
    assertMatch(asked.stderr, /Say --yes/);
    refused = "w20";
    await scene.killed([...range, "--yes", "--rate", "10/s"], async () => (await effects(pipeline)).length >= 63);
    const done = await scene.replay(...range, "--yes");
    assertEquals(done.code, 0, done.stderr);
    assertMatch(done.stderr, /^(?:Position \d+ of 50: \d+ events, \d+\/s\n)*$/);
    assertMatch(done.stdout, /Going on behind position \d+/);
    assertMatch(done.stdout, /Done: \d+ events were handled, 1 of the range are dead letters of a replay/);
    const expected = widgets(5, 46).filter((widget) => widget !== "w20");
    assertEquals((await effects(pipeline)).slice(60), expected);
    assertEquals([...await state()], before);
    const [letter] = await sql`SELECT event_type, attempts, error FROM events.dead_letter`;
    assertMatch(letter!["error"], /not this time/);
    const again = await scene.replay(...range, "--yes");
    assertEquals([again.code, again.stdout.split("\n")[1]], [
      0,
      "All of it was replayed before. Say --again to do it once more.",
    ]);
    refused = undefined;
    const anew = await scene.replay(...range, "--yes", "--again", "--event-type", "ReplayTestNoted");
    assertEquals([anew.code, (await effects(pipeline)).length], [0, 60 + expected.length], anew.stderr);
  } finally {
    stop.abort();
    await running;
    await blockingRedis.close();
  }
  assertEquals(
    (await sql`SELECT FROM events.stream_lease WHERE stream_name = ${stream} AND role LIKE 'replay:%'`).length,
    2,
  );
});

Deno.test("replay --to-stream sends a range into another stream, each event once, though it is killed", async () => {
  await using scene = await archived();
  const { pipeline, ids } = scene;
  const { sql, stream } = pipeline;
  const target = defineStreamName(`stream:test-${crypto.randomUUID()}:events`);
  const args = ["--from", ids[1]!, "--to", ids[66]!, "--to-stream", target, "--yes"];
  const typo = await scene.replay(...args);
  assertEquals(typo.code, 1);
  assertMatch(typo.stderr, /it is not defined/);
  await sql`INSERT INTO events.stream_lease (stream_name, role) VALUES (${target}, 'publisher')`;
  const originals = await sql`
    SELECT event_id, event_type, payload::text, stream_entry_id AS entry_id FROM events.outbox_event ORDER BY stream_position`;
  const sent = () =>
    sql`SELECT event_id, event_type, payload::text, metadata FROM events.outbox_event WHERE stream_name = ${target} ORDER BY id`;
  await scene.killed([...args, "--rate", "20/s"], async () => (await sent()).length >= 20);
  const amidst = (await sent()).length;
  const done = await scene.replay(...args);
  assertEquals(done.code, 0, done.stderr);
  assertMatch(done.stdout, new RegExp(`Done: ${66 - amidst} events were sent`));
  const rows = await sent();
  assertEquals(
    rows.map(({ event_type, payload }) => [event_type, payload]),
    originals.map(({ event_type, payload }) => [event_type, payload]),
  );
  assertEquals(
    rows.map((row) => row["metadata"]),
    originals.map((row) => ({
      correlation_id: "c",
      replayed_event_id: row["event_id"],
      replayed_entry_id: row["entry_id"],
      replayed_stream: stream,
    })),
  );
  const known = new Set([...rows, ...originals].map((row) => row["event_id"]));
  assertEquals(known.size, 2 * 66);
  assertMatch((await scene.replay(...args)).stdout, /All of it was replayed before/);
  await pipeline.publish();
  assertEquals(await pipeline.redis.call("XLEN", target), 66);
  await pipeline.redis.call("DEL", target);
});

Deno.test("replay says what is wrong with its arguments, and keeps to its rate", async () => {
  await using scene = await archived();
  const { pipeline: { sql, stream }, ids } = scene;
  const range = ["--from", ids[1]!, "--to", ids[30]!];
  const cases: readonly [args: string[], code: number, message: RegExp][] = [
    [range, 2, /say either --consumer or --to-stream/],
    [[...range, "--consumer", "a", "--to-stream", "b"], 2, /say either/],
    [[...range, "--consumer", "a", "--rate", "fast"], 2, /--rate must be a number above 0, such as 100\/s/],
    [["--from", "2020-01-01", "--to", "2020-01-02", "--consumer", "a"], 1, /the archive has none of it/],
    [[...range, "--consumer", "nobody"], 1, /Cannot find the consumer 'nobody'/],
    [[...range, "--to-stream", stream], 1, /Say --consumer/],
  ];
  for (const [args, code, message] of cases) {
    const { code: ended, stderr } = await scene.replay(...args);
    assertEquals([args, ended], [args, code]);
    assertMatch(stderr, message);
  }
  await sql`INSERT INTO events.stream_lease (stream_name, role) VALUES ('stream:b:events', 'publisher')`;
  const begun = Date.now();
  assertEquals((await scene.replay(...range, "--to-stream", "stream:b:events", "--yes", "--rate", "15/s")).code, 0);
  assert(Date.now() - begun > 1_000);
});
