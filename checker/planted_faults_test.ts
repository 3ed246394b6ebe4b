import { makeSegment } from "@events-pipeline/archiver";
import { type Entry, fromJsonLine, fromStreamFields } from "@events-pipeline/common";
import { assert, assertEquals } from "@std/assert";
import { dirname } from "node:path";
import { type CheckedPipeline, checkedPipeline, faultsOf } from "./testdata/checked_pipeline.ts";
import { objectsOf, type RawEntry, rebuild, withField } from "./testdata/spoil.ts";

const STRANGER = "019a2f6e-0000-7000-8000-000000000000";

/** An entry id right after another, at the same time. */
const next = (entryId: string, by = 1): string => entryId.replace(/\d+$/, (position) => String(Number(position) + by));

const textOf = async (path: string): Promise<string> => {
  const unzipped = new Blob([await Deno.readFile(path)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(unzipped).text();
};

/** The entries of an object of the archive. */
const read = async (path: string): Promise<Entry[]> =>
  (await textOf(path)).split("\n").filter((line) => line !== "").map(fromJsonLine);

/** Puts an object with these entries into the archive, under the key that they call for. */
async function write({ archive, stream }: CheckedPipeline, entries: readonly Entry[]): Promise<void> {
  const { key, body, record } = await makeSegment(stream, entries);
  await archive.put(key, body, record);
}

/** The events of a pipeline of 60, 20 an object; what is planted; and all that must be found. */
const planted: Record<
  string,
  readonly [plant: (p: CheckedPipeline) => Promise<unknown>, found: Record<string, number>]
> = {
  "an entry deleted from the middle of a stream": [async ({ redis, stream }) => {
    const entries = await redis.call("XRANGE", stream, "-", "+") as RawEntry[];
    await redis.call("XDEL", stream, entries[30]![0]);
  }, { "stream.lost": 1 }],
  "the tail of a stream": [
    ({ redis, stream }) => rebuild(redis, stream, (entries) => entries.slice(0, 55)),
    { "stream.lost": 5 },
  ],
  "a whole stream": [({ redis, stream }) => redis.call("DEL", stream), { "stream.lost": 60 }],
  "an entry doubled at the end, under a new id": [async ({ redis, stream }) => {
    const entries = await redis.call("XRANGE", stream, "-", "+") as RawEntry[];
    await redis.call("XADD", stream, next(entries.at(-1)![0]), ...entries[10]![1]);
  }, { "stream.duplicated": 1 }],
  "an entry doubled amid the stream": [
    ({ redis, stream }) =>
      rebuild(redis, stream, (entries) => {
        // The first ids tell it from a new one: the time goes back so far that there is room in between.
        const [entryId] = entries[0]!;
        const earlier = `${Number(entryId.split("-")[0]) - 1}-7`;
        return [[earlier, entries[20]![1]], ...entries];
      }),
    { "stream.duplicated": 1 },
  ],
  "two entries swapped": [
    ({ redis, stream }) =>
      rebuild(redis, stream, (entries) => {
        const [a, b] = [entries[30]!, entries[40]!];
        return entries.with(30, [a[0], b[1]]).with(40, [b[0], a[1]]);
      }),
    { "stream.outOfOrder": 2 },
  ],
  "a foreign entry at the end, of an id that Redis chose": [
    ({ redis, stream }) => redis.call("XADD", stream, "*", "some", "field"),
    { "stream.unexpected": 1 },
  ],
  "a foreign entry at the end that looks like an event": [async ({ redis, stream }) => {
    const [[entryId, fields]] = await redis.call("XREVRANGE", stream, "+", "-", "COUNT", 1) as [RawEntry];
    await redis.call("XADD", stream, next(entryId), ...withField(fields, "event_id", STRANGER));
  }, { "stream.unexpected": 1 }],
  "a foreign entry in front, of a far position": [
    ({ redis, stream }) =>
      rebuild(redis, stream, (entries) => {
        const earlier = `${Number(entries[0]![0].split("-")[0]) - 1}-50`;
        return [[earlier, withField(entries[0]![1], "event_id", STRANGER)], ...entries];
      }),
    { "stream.unexpected": 1 },
  ],
  "an event replaced by a foreign one": [
    ({ redis, stream }) =>
      rebuild(
        redis,
        stream,
        (entries) => entries.with(9, [entries[9]![0], withField(entries[9]![1], "event_id", STRANGER)]),
      ),
    { "stream.lost": 1, "stream.unexpected": 1 },
  ],
  "a payload, a type, metadata and a time altered in a stream": [
    ({ redis, stream }) =>
      rebuild(redis, stream, (entries) =>
        entries.map(([entryId, fields], i): RawEntry => {
          if (i === 3) return [entryId, withField(fields, "payload", '{"widget_id":"w3","owner_id":"thief"}')];
          if (i === 4) return [entryId, withField(fields, "event_type", "WidgetEaten")];
          if (i === 5) return [entryId, withField(fields, "metadata", '{"x":1}')];
          return i === 6 ? [entryId, withField(fields, "time", "2026-01-01T00:00:00.000Z")] : [entryId, fields];
        })),
    { "stream.altered": 4 },
  ],
  "outbox rows deleted before their time": [
    ({ sql }) => sql`DELETE FROM events.outbox_event WHERE stream_position IN (1, 30, 60)`,
    { "outbox.missing": 3 },
  ],
  "an event with two outbox rows": [async (pipeline) => {
    const { sql } = pipeline;
    await sql`INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, metadata)
              SELECT event_id, stream_name, event_type, payload, metadata FROM events.outbox_event WHERE stream_position = 5`;
    await pipeline.publish();
    await pipeline.consume();
    await pipeline.archiveAll();
  }, { "outbox.duplicated": 1 }],
  "rows marked as published by hand": [async ({ sql, send }) => {
    await send(12);
    await sql`UPDATE events.outbox_event SET published_at = clock_timestamp() WHERE published_at IS NULL`;
  }, { "stream.lost": 12 }],
  "an object of the archive deleted": [
    async ({ folder }) => Deno.remove((await objectsOf(folder))[1]!),
    { "archive.lost": 20 },
  ],
  "an object of the archive cut short": [async ({ folder }) => {
    const path = (await objectsOf(folder))[1]!;
    await Deno.truncate(path, (await Deno.stat(path)).size - 9);
  }, { "archive.damaged": 1 }],
  "a byte of an object flipped": [async ({ folder }) => {
    const path = (await objectsOf(folder))[2]!;
    const bytes = await Deno.readFile(path);
    bytes[bytes.length >> 1]! ^= 1;
    await Deno.writeFile(path, bytes);
  }, { "archive.damaged": 1 }],
  "an object that lacks a line": [async (pipeline) => {
    const path = (await objectsOf(pipeline.folder))[0]!;
    const zipped = new Blob([(await textOf(path)).replace(/\n[^\n]+\n/, "\n")]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    await Deno.writeFile(path, new Uint8Array(await new Response(zipped).arrayBuffer()));
  }, { "archive.damaged": 1 }],
  "an object under the date of another day": [async ({ folder }) => {
    const path = (await objectsOf(folder))[2]!;
    const other = path.replace(/date=[^/]+/, "date=2999-01-01");
    await Deno.mkdir(dirname(other));
    await Deno.rename(path, other);
  }, { "archive.damaged": 1 }],
  "a copy of an object under the date of another day": [async ({ folder }) => {
    const path = (await objectsOf(folder))[1]!;
    const other = path.replace(/date=[^/]+/, "date=1999-01-01");
    await Deno.mkdir(dirname(other));
    await Deno.copyFile(path, other);
  }, { "archive.damaged": 1 }],
  "a foreign file in the archive": [
    async ({ folder }) => Deno.writeTextFile(`${dirname((await objectsOf(folder))[0]!)}/notes-1_2.txt`, "!"),
    { "archive.damaged": 1 },
  ],
  "an object that overlaps two others": [async (pipeline) => {
    const [first, second] = await objectsOf(pipeline.folder);
    await write(pipeline, [...(await read(first!)).slice(-3), ...(await read(second!)).slice(0, 2)]);
  }, { "archive.duplicated": 5 }],
  "a gap between two objects": [async (pipeline) => {
    const path = (await objectsOf(pipeline.folder))[1]!;
    const entries = await read(path);
    await Deno.remove(path);
    await write(pipeline, entries.slice(0, 16));
  }, { "archive.lost": 4 }],
  "a payload altered in the archive": [async (pipeline) => {
    const path = (await objectsOf(pipeline.folder))[1]!;
    const entries = await read(path);
    await Deno.remove(path);
    await write(pipeline, entries.with(4, { ...entries[4]!, payload: '{"widget_id":"w3","owner_id":"thief"}' }));
  }, { "archive.altered": 1 }],
  "two lines of an object swapped": [async (pipeline) => {
    const path = (await objectsOf(pipeline.folder))[1]!;
    const entries = await read(path);
    await Deno.remove(path);
    await write(pipeline, entries.with(4, entries[5]!).with(5, entries[4]!));
  }, { "archive.damaged": 1 }],
  "an object within a longer one that holds other lines": [async (pipeline) => {
    const entries = await read((await objectsOf(pipeline.folder))[1]!);
    await write(pipeline, entries.slice(2, 5).map((entry) => ({ ...entry, eventType: "WidgetEaten" })));
  }, { "archive.duplicated": 3 }],
  "an event handled never": [({ sql }) => sql`DELETE FROM handled WHERE id = 30`, { "handled.lost": 1 }],
  "the first and the last event handled never": [
    ({ sql }) => sql`DELETE FROM handled WHERE id IN (1, 60)`,
    { "handled.lost": 2 },
  ],
  "an event handled twice": [
    ({ sql }) => sql`INSERT INTO handled (event_id) SELECT event_id FROM handled WHERE id = 30`,
    { "handled.duplicated": 1 },
  ],
  "two events handled in the wrong order": [
    ({ sql }) => sql`UPDATE handled SET id = 61 - id WHERE id IN (30, 31)`,
    { "handled.outOfOrder": 1 },
  ],
  "an event handled that nobody sent": [
    ({ sql }) => sql`INSERT INTO handled (id, event_id) VALUES (0, ${STRANGER})`,
    { "handled.unexpected": 1 },
  ],
};

for (const [what, [plant, found]] of Object.entries(planted)) {
  Deno.test(`checkPipeline() finds ${what}, once and by its name`, async () => {
    await using pipeline = await checkedPipeline(60);
    assertEquals(faultsOf(await pipeline.check()), {});
    await plant(pipeline);
    const report = await pipeline.check();
    assertEquals(faultsOf(report), found);
    assertEquals(report.right, false);
    // Each fault comes with something to look for, up to ten of a kind.
    const examples = report.streams[0]!.stages.flatMap((stage) => stage.examples);
    assertEquals(examples.length, Object.values(found).reduce((sum, count) => sum + Math.min(count, 10), 0));
    assert(examples.every(({ eventId, entryId, position, object }) => eventId ?? entryId ?? position ?? object));
  });
}

Deno.test("checkPipeline() finds a row whose versions do not rise along the stream, and a version that is none", async () => {
  await using pipeline = await checkedPipeline(60);
  const { sql } = pipeline;
  const versions = [{ eventType: "WidgetCreated", field: "owner_id", keyField: "widget_id" }];
  const right = await pipeline.check({ versions });
  assertEquals([faultsOf(right), right.streams[0]!.stages.at(-1)!.events], [{}, 60]);
  // The stream keeps what was sent, so it differs now, too: only the versions are of interest here.
  await sql`UPDATE events.outbox_event SET payload = '{"widget_id":"w3","owner_id":"2"}' WHERE stream_position = 31`;
  await sql`UPDATE events.outbox_event SET payload = '{"widget_id":"w4"}' WHERE stream_position = 32`;
  const { streams: [report] } = await pipeline.check({ versions });
  const { stage, events, outOfOrder, missing, examples } = report!.stages.at(-1)!;
  assertEquals([stage, events, outOfOrder, missing], ["version of WidgetCreated.owner_id", 60, 1, 1]);
  assertEquals(examples.map(({ detail }) => detail), [
    "widget_id w3 has version 2 after 24",
    "its payload has no widget_id, or no number owner_id",
  ]);
});

Deno.test("checkPipeline() compares with what was sent, for who knows it", async () => {
  await using pipeline = await checkedPipeline();
  const { stream, send, publish } = pipeline;
  const sent = [...await send(30)];
  await publish();
  const against = async (ids: readonly string[], sentInOrder = true) =>
    faultsOf(await pipeline.check({ sent: new Map([[stream, ids]]), sentInOrder, handled: undefined }));
  assertEquals(await against(sent), {});
  assertEquals(await against(sent.slice(1)), { "outbox.unexpected": 1 });
  assertEquals(await against([...sent, STRANGER]), { "outbox.lost": 1 });
  const swapped = sent.with(3, sent[4]!).with(4, sent[3]!);
  assertEquals(await against(swapped), { "outbox.outOfOrder": 1 });
  assertEquals(await against(swapped, false), {});
});

Deno.test("checkPipeline() names entries that are doubled where the outbox is cleaned up, and counts positions that are gone", async () => {
  await using pipeline = await checkedPipeline(60);
  const { sql, redis, stream } = pipeline;
  await sql`DELETE FROM events.outbox_event WHERE stream_position <= 40`;
  await sql`INSERT INTO events.stream_retention (stream_name, cleaned_to) VALUES (${stream}, 40)`;
  assertEquals(faultsOf(await pipeline.check()), {});
  const entries = await redis.call("XRANGE", stream, "-", "+") as RawEntry[];
  await redis.call("XADD", stream, next(entries.at(-1)![0]), ...entries[10]![1]);
  await redis.call("XDEL", stream, entries[20]![0], entries[50]![0]);
  const { streams: [report] } = await pipeline.check();
  assertEquals(faultsOf({ right: false, streams: [report!] }), {
    "stream.lost": 1,
    "stream.missing": 1,
    "stream.duplicated": 1,
  });
  const lost = fromStreamFields(stream, ...entries[50]! as [string, string[]]);
  const examples = report!.stages.flatMap((stage) => stage.examples).map(({ fault, eventId, position }) =>
    [fault, eventId ?? position] as const
  );
  assertEquals(new Map(examples).get("missing"), 21);
  assertEquals(new Map(examples).get("lost"), lost.eventId);
});

Deno.test("checkPipeline() finds nothing wrong with objects that a longer one has superseded", async () => {
  await using pipeline = await checkedPipeline(60);
  const [first, second] = await objectsOf(pipeline.folder);
  await write(pipeline, [...await read(first!), ...await read(second!)]);
  const report = await pipeline.check();
  assertEquals([faultsOf(report), report.right], [{}, true]);
});
