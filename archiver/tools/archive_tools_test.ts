import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runTask, type TaskOutput } from "@events-pipeline/local/daemon_process";
import { DAY_1, DAY_MS, entriesOf, range } from "../testdata/test_archive.ts";
import { type SmallObjects, smallObjects } from "../testdata/compacted.ts";
import { readVerifications } from "../verification.ts";
import { findEvent } from "./find_event.ts";

/** Runs `deno task archive` with the permissions of its task. */
function run({ archive, pipeline }: SmallObjects, args: readonly string[], database = true): Promise<TaskOutput> {
  const environment = { ARCHIVE_URL: archive.url, DATABASE_URL: database ? pipeline.databaseUrl : "", REDIS_URL: "" };
  return runTask("archive", { args, environment });
}

const jsonLines = ({ stdout }: TaskOutput) => stdout.trim().split("\n").map((line) => JSON.parse(line));

Deno.test("archive ls shows each segment, and cat the lines of a range, by type, or of one event", async () => {
  await using small = await smallObjects(20);
  const { archive, pipeline: { stream } } = small;
  const listed = await run(small, ["ls"], false);
  assertEquals([listed.code, listed.stderr], [0, ""]);
  assertEquals(listed.stdout.trim().split("\n").length, 7);
  assertMatch(listed.stdout, /\n2026-01-02 +20 +\d+ +stream:\S+ \d+-61 \d+-80\n/);
  const json = jsonLines(await run(small, ["ls", stream, "--date", "2026-01-02", "--json"]));
  assertEquals(
    json.map(({ date, events, superseded }) => [date, events, superseded]),
    Array(3).fill(["2026-01-02", 20, false]),
  );
  archive.asked.gets = [];
  const day = await run(small, ["cat", "--stream", stream, "--from", "2026-01-02", "--to", "2026-01-02"], false);
  assertEquals([day.code, day.stderr], [0, ""]);
  assertEquals(jsonLines(day).map((line) => Number(line.entry_id.split("-")[1])), range(61, 120));
  const [entry] = entriesOf(101, 120, DAY_1 + DAY_MS + 101_000, stream).slice(4, 5);
  const some = await run(small, ["cat", "--stream", stream, "--from", entry!.entryId, "--event-type", "WidgetCreated"]);
  assertEquals(jsonLines(some).map((line) => line.payload.widget_id), [
    "w105",
    "w107",
    "w109",
    "w111",
    "w113",
    "w115",
    "w117",
    "w119",
  ]);
  const one = await run(small, ["cat", "--stream", stream, "--event-id", entry!.eventId]);
  assertEquals(jsonLines(one).map((line) => line.entry_id), [entry!.entryId]);
  const none = await run(small, ["cat", "--stream", stream, "--event-id", crypto.randomUUID()]);
  assertEquals([none.code, none.stdout], [1, ""]);
  assertMatch(none.stderr, /^deno task archive cat: Cannot find/);
  const nothing = await run(small, ["cat", "--stream", "stream:nobody:events"]);
  assertEquals([nothing.code, nothing.stdout], [0, ""]);
  assertEquals(nothing.stderr, "The archive has nothing of 'stream:nobody:events'.\n");
});

Deno.test("findEvent() begins where the event's id says that it was sent", async () => {
  await using small = await smallObjects(20);
  const { archive, pipeline: { stream } } = small;
  const hex = (DAY_1 + DAY_MS + 103_000).toString(16).padStart(12, "0");
  const eventId = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
  const late = entriesOf(121, 140, DAY_1 + DAY_MS + 150_000, stream);
  await archive.put(late.with(3, { ...late[3]!, eventId }));
  archive.asked.gets = [];
  assertEquals((await findEvent(archive.store, stream, eventId, {}))?.entryId, late[3]!.entryId);
  assertEquals(archive.asked.gets.map((key) => /-(\d+)_/.exec(key)![1]), ["61", "81", "101", "121"]);
});

Deno.test("archive compact and verify, with and without a database", async () => {
  await using small = await smallObjects(20);
  const { archive, pipeline: { sql, stream } } = small;
  const compacted = await run(small, ["compact"]);
  assertEquals([compacted.code, compacted.stderr, compacted.stdout], [0, "", `${stream}: 6 objects have become 2\n`]);
  const whole = await run(small, ["verify"]);
  assertEquals([whole.code, whole.stderr], [0, ""]);
  assertMatch(
    whole.stdout,
    /: whole; 2 days, 2 segments, 120 events, \d+ bytes; \d+-1 to \d+-120; 0 counted in the outbox\n1 stream, 120 events: whole\n$/,
  );
  assertEquals((await readVerifications(sql)).map(({ upTo, faults }) => [upTo, faults]), [[120, 0]]);
  // The end is missing, which only the database knows.
  await archive.store.delete((await archive.keys())[1]!);
  const alone = await run(small, ["verify", "--no-database"]);
  assertEquals(alone.code, 0);
  assertStringIncludes(alone.stderr, "Without a database it is not known");
  const compared = await run(small, ["verify", stream, "--json"]);
  assertEquals([compared.code, compared.stderr], [1, ""]);
  const [{ faults: [fault] }] = jsonLines(compared);
  assertEquals([fault.kind, fault.first, fault.last], ["missing", 61, 120]);
  assertEquals((await readVerifications(sql)).map(({ upTo, faults }) => [upTo, faults]), [[60, 1]]);
  // A look at a part does not take that back.
  await archive.put(entriesOf(61, 120, DAY_1 + DAY_MS + 61_000, stream));
  assertEquals((await run(small, ["verify", "--from", "2026-01-02"])).code, 0);
  assertEquals((await readVerifications(sql))[0]?.faults, 1);
});

Deno.test("archive says what is wrong with its arguments", async () => {
  await using small = await smallObjects(60);
  const cases: readonly [args: string[], code: number, message: RegExp, database?: boolean][] = [
    [["verfy"], 2, /there is no command 'verfy': it has ls, cat, verify, compact/],
    [["cat"], 2, /--stream STREAM is missing/],
    [["cat", "--stream", "s", "--from", "now"], 2, /--from must be an entry id, or a date/],
    [["compact"], 2, /DATABASE_URL is not set/, false],
    [["compact", "stream:no:events"], 1, /no archiver has ever archived it/],
    [["compact", "--target-bytes", "0"], 2, /--target-bytes must be from 1/],
  ];
  for (const [args, code, message, database] of cases) {
    const { code: ended, stderr } = await run(small, args, database);
    assertEquals([args, ended], [args, code]);
    assertMatch(stderr, message);
  }
  const { stdout } = await run(small, ["verify", "--help"]);
  assertMatch(stdout, /Usage: deno task archive verify \[flags\]/);
});
