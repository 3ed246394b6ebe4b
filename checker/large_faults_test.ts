import { assertEquals } from "@std/assert";
import { pathToFileURL } from "node:url";
import { type CheckedPipeline, checkedPipeline } from "./testdata/checked_pipeline.ts";

const EVENTS = 50_000;

/** Inserts events of 2 KiB in one statement. */
async function fill({ sql, stream }: CheckedPipeline): Promise<void> {
  await sql`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
    SELECT gen_random_uuid(), ${stream}, 'WidgetCreated',
           json_build_object('widget_id', i % 1000, 'owner_id', i, 'note', repeat('x', 2000))
    FROM generate_series(1, ${EVENTS}::int) AS i`;
}

/** Lets the consumer have handled everything: really handling them is not what is tested. */
async function pretendHandled({ sql, stream }: CheckedPipeline): Promise<void> {
  await sql`INSERT INTO handled (event_id) SELECT event_id FROM events.outbox_event ORDER BY stream_position`;
  await sql`
    INSERT INTO events.stream_lease (stream_name, role, checkpoint)
    SELECT stream_name, 'consumer:test:handled', checkpoint FROM events.stream_lease
    WHERE stream_name = ${stream} AND role = 'publisher'`;
}

Deno.test(`check-pipeline checks ${EVENTS} events, 100 MB in each stage, in 48 MiB of heap`, async () => {
  await using pipeline = await checkedPipeline();
  await fill(pipeline);
  await pipeline.publish();
  await pipeline.archiveAll(1_000);
  await pretendHandled(pipeline);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--v8-flags=--max-old-space-size=48", `${import.meta.dirname}/main.ts`, "--complete"],
      ...["--archive", pathToFileURL(pipeline.folder).href, "--handled-table", "handled", "--json"],
      ...["--version-of", "WidgetCreated.owner_id:widget_id"],
    ],
    env: { DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr) + decoder.decode(stdout));
  const { streams } = JSON.parse(decoder.decode(stdout));
  assertEquals(streams[0].stages.map(({ events }: { events: number }) => events), Array(5).fill(EVENTS));
});
