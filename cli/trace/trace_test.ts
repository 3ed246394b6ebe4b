import { WidgetCreated } from "@events-pipeline/common/schemas";
import { runTask, type TaskOutput } from "@events-pipeline/local/daemon_process";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
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
