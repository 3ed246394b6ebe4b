import { WidgetCreated } from "@events-pipeline/common/schemas";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { runArchiver } from "../archiver.ts";
import { testArchive } from "../testdata/test_archive.ts";
import { verifyArchive } from "./verify_archive.ts";
import type { VerifiedStream } from "./verify_stream.ts";

Deno.test("verifyArchive() compares with the archiver's lease, and with what the outbox must still have", async () => {
  await using pipeline = await testPipeline();
  await using archive = await testArchive();
  const { sql, redis, stream } = pipeline;
  const { store } = archive;
  const events = Array.from({ length: 50 }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await pipeline.publish();
  await runArchiver({ sql, redis, store, signal: AbortSignal.timeout(30_000), once: true, segmentCount: 10 });
  const verify = async (): Promise<VerifiedStream> => (await Array.fromAsync(verifyArchive({ store, sql })))[0]!;
  const faults = async () =>
    (await verify()).faults.map(({ kind, first, last, detail }) => [kind, first, last, detail]);
  const whole = await verify();
  assertEquals([whole.events, whole.compared, whole.faults], [50, 50, []]);

  // What was cleaned up need not be there; what was not must be.
  await sql`DELETE FROM events.outbox_event WHERE stream_position <= 20`;
  await sql`INSERT INTO events.stream_retention (stream_name, trimmed_to, cleaned_to) VALUES (${stream}, 0, 20)`;
  assertEquals([(await verify()).compared, await faults()], [30, []]);
  const [gone] = await sql`DELETE FROM events.outbox_event WHERE stream_position = 33 RETURNING stream_entry_id AS id`;
  const date = new Date(Number(gone!["id"].split("-")[0])).toISOString().slice(0, 10);
  const lacking = ["differs from the outbox", 21, 50, `on ${date} the outbox has 29 of 30 events`];
  assertEquals(await faults(), [lacking]);

  // A segment in hand is what was recorded, and the archive may reach up to it.
  const last = (await archive.keys()).find((key) => key.includes("-41_"))!;
  const [, first41, last50] = /([\d-]+)_([\d-]+)\.jsonl/.exec(last)!;
  const before = await sql`SELECT checkpoint FROM events.stream_lease WHERE role = 'archiver'`;
  const [at40] = await sql`SELECT stream_entry_id AS id FROM events.outbox_event WHERE stream_position = 40`;
  await sql`UPDATE events.stream_lease SET checkpoint = ${at40!["id"]} WHERE role = 'archiver'`;
  assertEquals(await faults(), [lacking, ["foreign", 41, 50, "the archiver has come to position 40"]]);
  const record = JSON.stringify({ first: first41, last: last50, count: 10, sha256: "0" });
  await sql`UPDATE events.stream_lease SET pending_segment = ${record}::text::json WHERE role = 'archiver'`;
  assertEquals(await faults(), [["damaged", 41, 50, "it is not what the archiver has recorded"], lacking]);
  await sql`UPDATE events.stream_lease SET checkpoint = ${
    before[0]!["checkpoint"]
  }, pending_segment = NULL WHERE role = 'archiver'`;

  // A whole stream that is gone is known of, too.
  await Deno.remove(`${archive.folder}/stream=${stream}`, { recursive: true });
  assertEquals(await faults(), [["missing", 1, 50, "50 entries are in no object, up to the archiver's end"]]);
});
