import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startRedis } from "@events-pipeline/local";
import { runTask, type TaskOutput } from "@events-pipeline/local/daemon_process";
import { createRedisUser } from "@events-pipeline/local/redis_users";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvent } from "@events-pipeline/producer";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

type Sources = Pick<TestPipeline, "databaseUrl" | "redisUrl">;

function trace({ databaseUrl, redisUrl }: Sources, args: readonly string[], archiveUrl?: string): Promise<TaskOutput> {
  const environment = {
    ...{ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl },
    ...(archiveUrl === undefined ? {} : { ARCHIVE_URL: archiveUrl }),
  };
  return runTask("trace", { args, environment });
}

Deno.test("trace shows each hop of an event with its time, also when only the archive has it", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream, redis } = pipeline;
  const folder = await Deno.makeTempDir();
  const archiveUrl = `file://${folder}`;
  try {
    const event = WidgetCreated.create({ widget_id: "w1", owner_id: "o" });
    const send = () => sql.begin((tx) => sendEvent(tx, { stream, event }));
    const [eventId, later] = [await send(), await send()];
    const unpublished = await trace(pipeline, [eventId]);
    assertEquals([unpublished.code, unpublished.stderr], [0, ""]);
    assertMatch(
      unpublished.stdout,
      new RegExp(
        `^WidgetCreated ${eventId}\\n${stream}, \\d+ B, kept in the outbox\\n\\nHOP +AT +AFTER +WHAT\\n` +
          "sent +\\S+Z +\\+0 s +outbox row committed\npublished +not yet: its publisher has not come to it\n$",
      ),
    );
    await pipeline.publish();
    const [first, second] = (await redis.call("XRANGE", stream, "-", "+") as [string][]).map(([id]) => id);
    for (
      const [name, checkpoint] of [["1-handled", first], ["2-dead", first], ["3-failing", "0-0"], ["4-behind", "0-0"], [
        "5-other",
        second,
      ]]
    ) {
      await sql`
        INSERT INTO events.stream_lease (stream_name, role, checkpoint)
        VALUES (${stream}, ${`consumer:${name}`}, ${checkpoint!})`;
    }
    await sql`INSERT INTO events.processed_event (consumer_name, event_id) VALUES ('1-handled', ${eventId})`;
    await sql`
      INSERT INTO events.dead_letter (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at,
                                      metadata, payload, reason, error, attempts)
      VALUES ('2-dead', ${stream}, 1, ${first!}, ${eventId}, 'WidgetCreated', now(), '{}', '{}', ${"no\nowner"}, 'x', 1)`;
    await sql`
      INSERT INTO events.consumer_state (consumer_name, stream_name, failing_event_id, failing_entry_id, attempts,
                                         last_error, failing_since, retry_at)
      VALUES ('3-failing', ${stream}, ${eventId}, ${first!}, 4, 'No such owner', now(), now())`;
    const environment = { DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl, ARCHIVE_URL: archiveUrl };
    assertEquals((await runTask("archive", { args: ["--once"], environment })).code, 0);
    const whole = await trace(pipeline, [eventId], archiveUrl);
    assertEquals([whole.code, whole.stderr], [0, ""]);
    assertStringIncludes(whole.stdout, "kept in the outbox, Redis, the archive\n");
    const hops = whole.stdout.trim().split("\n").slice(4).map((line) => line.split(/ {2,}/));
    assertEquals(hops.map(([hop]) => hop), [
      ...["sent", "published", "1-handled", "2-dead", "3-failing", "4-behind", "5-other", "archived"],
    ]);
    assertEquals(hops[1]!.at(-1), first);
    assertEquals(hops[2]!.at(-1), "handled");
    assertEquals(hops[3]!.at(-1), "dead letter: no owner");
    assertMatch(hops[4]!.at(-1)!, /^failing since then, 4 attempts, again at \S+Z: No such owner$/);
    assertEquals(hops[5]!.at(-1), "has not come to it: 0 events are before it, and it is stopped");
    assertMatch(hops[6]!.at(-1)!, /^passed over/);
    assertMatch(hops[7]!.at(-1)!, /^stream=.*_\d+-2\.jsonl\.gz$/);
    for (const i of [0, 1, 2, 3, 4, 7]) assertMatch(hops[i]!.slice(1, 3).join(" "), /^\S+Z \+[\d.]+ s$/, `${hops[i]}`);

    await sql`DELETE FROM events.outbox_event`;
    await redis.call("XTRIM", stream, "MAXLEN", 0);
    const none = await trace(pipeline, [eventId]);
    assertEquals([none.code, none.stdout], [1, ""]);
    assertStringIncludes(none.stderr, `Cannot find the event ${eventId} in the outbox (set ARCHIVE_URL`);
    const archived = await trace(pipeline, [eventId, later, "--json"], archiveUrl);
    const [json, laterJson] = archived.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals([json.entryId, json.inOutbox, json.inRedis, laterJson.entryId], [first, false, false, second]);
    assertEquals(json.consumers.map(({ kind }: { kind: string }) => kind), [
      ...["handled", "dead letter", "failing", "waiting", "passed over"],
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("trace refuses what is no event id with 2", async () => {
  for (const args of [[], ["w1"]]) {
    const { code, stderr } = await trace(
      { databaseUrl: "postgres://x@127.0.0.1:1/x", redisUrl: "redis://127.0.0.1:1" },
      args,
    );
    assertEquals(code, 2);
    assertMatch(stderr, /--event-id (?:EVENT_ID is missing|must be a UUID)/);
  }
});

Deno.test("trace shows outbox, consumers and archive when Redis is away, and says so with 1; as a user who may only look, all of it", async () => {
  await using server = await startRedis();
  await using pipeline = await testPipeline({ redisUrl: server.url });
  const { sql, stream, redis } = pipeline;
  const event = WidgetCreated.create({ widget_id: "w1", owner_id: "o" });
  const eventId = await sql.begin((tx) => sendEvent(tx, { stream, event }));
  await pipeline.publish();
  const [[first]] = await redis.call("XRANGE", stream, "-", "+") as [[string]];
  await sql`INSERT INTO events.stream_lease (stream_name, role, checkpoint) VALUES (${stream}, 'consumer:mail', ${first})`;
  await sql`INSERT INTO events.processed_event (consumer_name, event_id) VALUES ('mail', ${eventId})`;

  const redisUrl = await createRedisUser(server.url, { name: "observer", document: "cli/ROLES.md" });
  const looking = await trace({ ...pipeline, redisUrl }, [eventId]);
  assertEquals([looking.code, looking.stderr], [0, ""]);
  assertStringIncludes(looking.stdout, "kept in the outbox, Redis\n");

  const away = await trace({ ...pipeline, redisUrl: "redis://app:secret@127.0.0.1:1" }, [eventId]);
  assertEquals(away.code, 1);
  assertMatch(away.stderr, /^deno task trace: Redis does not answer: .*ECONNREFUSED.*\n$/);
  assertEquals(away.stderr.includes("secret"), false);
  assertStringIncludes(away.stdout, "kept in the outbox (Redis does not answer)\n");
  assertMatch(away.stdout, new RegExp(`\npublished +\\S+Z .* ${first}\nmail +\\S+Z .* handled\n`));
  const json = await trace({ ...pipeline, redisUrl: "redis://127.0.0.1:1" }, [eventId, "--json"]);
  const { inRedis, redisFault, consumers } = JSON.parse(json.stdout);
  assertEquals([inRedis, consumers.length], [undefined, 1]);
  assertMatch(redisFault, /ECONNREFUSED/);
});

Deno.test("trace says what takes so long, waits for it longer than for other answers, and has the server end it in the end", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const event = WidgetCreated.create({ widget_id: "w1", owner_id: "o" });
  const eventId = await sql.begin((tx) => sendEvent(tx, { stream, event }));
  const searches = async (): Promise<readonly number[]> => {
    const rows = await sql<{ seconds: number }[]>`
      SELECT extract(epoch FROM clock_timestamp() - query_start)::float8 AS seconds FROM pg_stat_activity
      WHERE application_name = 'events-trace' AND datname = current_database() AND state = 'active' AND query LIKE '%outbox_event%'`;
    return rows.map(({ seconds }) => seconds);
  };
  /** The outbox cannot be read while `act` runs: as long as a search of very many rows. */
  const locked = (act: () => Promise<void>): Promise<void> =>
    sql.begin(async (tx) => {
      await tx`LOCK TABLE events.outbox_event`;
      await act();
    });
  let found: Promise<TaskOutput> | undefined;
  await locked(async () => {
    found = trace(pipeline, [eventId]);
    await until("it has searched for long", async () => (await searches()).some((seconds) => seconds > 6));
  });
  const { code, stdout, stderr } = await found!;
  assertEquals([code, stderr], [0, `Looking through the outbox for ${eventId}, for 300 s at most\n`]);
  assertStringIncludes(stdout, "WidgetCreated");
  await locked(async () => {
    const given = await trace(pipeline, [eventId, "--search-seconds", "1"]);
    assertEquals([given.code, given.stdout], [1, ""]);
    assertEquals(
      given.stderr,
      `deno task trace: Cannot find the event ${eventId} in the outbox within 1 s: it needs longer, see --search-seconds\n`,
    );
    assertEquals(await searches(), []);
  });
});
