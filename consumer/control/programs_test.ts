import { WidgetCreated } from "@events-pipeline/common/schemas";
import { runTask, type TaskOutput } from "@events-pipeline/local/daemon_process";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { defineConsumer } from "../define_consumer.ts";
import { liveConsumers } from "../testdata/live_consumers.ts";

/** Runs `deno task consumers` or `dead-letters` with the permissions of its task. */
function run({ databaseUrl, redisUrl }: TestPipeline, task: string, ...args: string[]): Promise<TaskOutput> {
  return runTask(task, { args, environment: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } });
}

/** Five widgets; the third becomes a dead letter, and the worker has stopped. */
async function consumed(): Promise<TestPipeline> {
  const pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const events = Array.from({ length: 5 }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await pipeline.publish();
  const consumer = defineConsumer({
    ...{ stream, name: "test:mail", events: [WidgetCreated], deadLetterAfter: 1, retryMs: 10 },
    handle(event) {
      if (event.payload.widget_id === "w2") throw new Error("no such\nowner");
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("it is done", async () => (await sql`SELECT FROM events.processed_event`).length === 5);
  return pipeline;
}

Deno.test("consumers lists, pauses, resumes, resets and forgets", async () => {
  await using pipeline = await consumed();
  const listed = await run(pipeline, "consumers", "list");
  assertEquals([listed.code, listed.stderr], [0, ""]);
  assertMatch(listed.stdout, /^CONSUMER +STREAM +STATE +LAG [^]*\ntest:mail +stream:\S+ +stopped +0 +\d+-5 +1 +- +-/);
  const [json] = (await run(pipeline, "consumers", "list", "--json")).stdout.split("\n");
  assertEquals([JSON.parse(json!).lag, JSON.parse(json!).deadLetters], [0, 1]);
  const paused = await run(pipeline, "consumers", "pause", "test:mail");
  assertEquals([paused.code, paused.stderr], [0, ""]);
  assertStringIncludes(paused.stdout, "is paused");
  assertStringIncludes((await run(pipeline, "consumers", "resume", "test:mail")).stdout, "goes on");
  const asked = await run(pipeline, "consumers", "reset", "test:mail", "--to", "beginning");
  assertEquals(asked.code, 1);
  assertStringIncludes(asked.stderr, "Say --yes");
  const reset = await run(pipeline, "consumers", "reset", "test:mail", "--to", "beginning", "--yes");
  assertEquals([reset.code, reset.stderr], [0, ""]);
  assertMatch(reset.stdout, /5 handled events and 1 dead letters come again/);
  const forgotten = await run(pipeline, "consumers", "forget", "test:mail", "--yes");
  assertEquals([forgotten.code, forgotten.stderr], [0, ""]);
  assertStringIncludes((await run(pipeline, "consumers", "list")).stdout, "No consumer has ever begun");
});

Deno.test("dead-letters lists, shows, redrives and drops, and never all by an oversight", async () => {
  await using pipeline = await consumed();
  const listed = await run(pipeline, "dead-letters", "list");
  assertEquals([listed.code, listed.stderr], [0, ""]);
  assertEquals(listed.stdout.trim().split("\n").length, 2);
  const [letter] = (await run(pipeline, "dead-letters", "list", "--json")).stdout.trim().split("\n")
    .map((line) => JSON.parse(line));
  assertEquals([letter.consumer, letter.payload.widget_id], ["test:mail", "w2"]);
  const shown = await run(pipeline, "dead-letters", "show", "--event-id", letter.eventId);
  assertEquals(JSON.parse(shown.stdout).error, "no such\nowner");
  for (const command of ["drop", "redrive"]) {
    const refused = await run(pipeline, "dead-letters", command);
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.stderr, "or --all");
  }
  assertStringIncludes(
    (await run(pipeline, "dead-letters", "redrive", "--type", "WidgetCreated")).stdout,
    "1 dead letter is",
  );
  assertMatch((await run(pipeline, "dead-letters", "list")).stdout, /redriving/);
  const again = await run(pipeline, "dead-letters", "redrive", "--all");
  assertEquals(
    again.stdout,
    "1 dead letter is already to be handled again, as soon as a worker of the consumer runs\n",
  );
  assertEquals((await run(pipeline, "dead-letters", "drop", "--all")).code, 1);
  assertStringIncludes(
    (await run(pipeline, "dead-letters", "drop", "--all", "--yes")).stdout,
    "1 dead letter is gone",
  );
  for (const args of [["list"], ["redrive", "--all"], ["drop", "--all"]]) {
    const { code, stdout } = await run(pipeline, "dead-letters", ...args);
    assertEquals([code, stdout], [0, "There are no such dead letters.\n"]);
  }
  const none = await run(pipeline, "dead-letters", "list", "--json");
  assertEquals([none.code, none.stdout], [0, ""]);
});

Deno.test("consumers and dead-letters say what is wrong with their arguments, and of a consumer that nobody knows", async () => {
  await using pipeline = await consumed();
  const cases: readonly [args: string[], code: number, message: RegExp][] = [
    [["consumers"], 2, /it needs a command: list, pause, resume, reset, forget/],
    [["consumers", "stop"], 2, /there is no command 'stop'/],
    [["consumers", "pause"], 2, /--consumer NAME is missing/],
    [["consumers", "reset", "test:mail", "--to", "yesterday"], 2, /--to must be an entry id, a date/],
    [["consumers", "pause", "test:male"], 1, /Cannot find the consumer 'test:male': there are test:mail/],
    [["consumers", "reset", "test:mail", "--to", "1-3", "--yes"], 1, /neither Redis nor the outbox has that entry/],
    [
      ["dead-letters", "redrive", "--consumer", "test:male"],
      1,
      /Cannot find the consumer 'test:male': there are test:mail/,
    ],
    [["dead-letters", "list", "--since", "2026-02-31"], 2, /--since must be a date/],
    [["dead-letters", "drop", "--event-id", "7"], 2, /--event-id must be a UUID/],
    [["dead-letters", "show", "--event-id", crypto.randomUUID()], 1, /no consumer has set it aside/],
  ];
  for (const [[task, ...args], code, message] of cases) {
    const { code: ended, stderr } = await run(pipeline, task!, ...args);
    assertEquals([args, ended], [args, code]);
    assertMatch(stderr, message);
  }
  for (const task of ["consumers", "dead-letters"]) {
    assertMatch((await run(pipeline, task, "--help")).stdout, /Usage: deno task \S+ COMMAND \[flags\]/);
  }
  assertMatch((await run(pipeline, "consumers", "reset", "--help")).stdout, /--to ENTRY_ID\|DATE\|beginning/);
});
