import { WidgetCreated } from "@events-pipeline/common/schemas";
import { silentLogger } from "@events-pipeline/common/logger";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { SettledIds } from "./settled_ids.ts";
import { WakeUp } from "./wake_up.ts";

const widgets = (count: number) =>
  Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));

Deno.test("SettledIds.raise() takes nothing that was settled before the server changed", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) }));
  const ids = new SettledIds();
  ids.add(stream);
  await ids.refresh(sql);
  await ids.refresh(sql);
  const { settled } = ids; // As a round does that begins now, and is served by the next server.
  assertEquals(settled.id, 5n);
  assertEquals(ids.sameServer("the new one"), false);
  ids.raise(stream, settled, undefined);
  assertEquals(ids.floorOf(stream), "0");
});

/** What a publisher knows that has published everything. */
async function knowing({ sql, stream }: TestPipeline): Promise<{ readonly ids: SettledIds; readonly wakeUp: WakeUp }> {
  const ids = new SettledIds();
  const wakeUp = new WakeUp(sql, { settledIds: ids, logger: silentLogger, idleLimitMs: 15_000 });
  ids.add(stream);
  for (let look = 0; look < 2; look++) await ids.refresh(sql);
  assertEquals(await wakeUp.poll(), []);
  assertEquals(ids.floorOf(stream), "5");
  return { ids, wakeUp };
}

Deno.test("WakeUp.poll() finds what was sent after a restore from an older backup into the same server", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) }));
  await pipeline.publish();
  const { wakeUp } = await knowing(pipeline);
  await sql`TRUNCATE events.outbox_event RESTART IDENTITY`; // As pg_restore does, with a backup from before the first event.
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(3) }));
  assertEquals(await wakeUp.poll(), [stream]);
});

Deno.test("WakeUp.poll() finds rows that were copied in with lower ids once the floors are lowered", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) }));
  await pipeline.publish();
  const { ids, wakeUp } = await knowing(pipeline);
  await sql`
    INSERT INTO events.outbox_event (id, event_id, stream_name, event_type, payload) OVERRIDING SYSTEM VALUE
    VALUES (3, gen_random_uuid(), ${stream}, 'WidgetCreated', '{}')`;
  assertEquals(await wakeUp.poll(), []);
  ids.lower();
  assertEquals(await wakeUp.poll(), [stream]);
});
