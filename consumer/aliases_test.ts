import { defineEvent } from "@events-pipeline/common";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvent } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { z } from "zod";
import { defineConsumer } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

const LampLit = defineEvent("AliasesTestLampLit", { lamp_id: z.string() }, { aliases: ["AliasesTestLampSwitched"] });

Deno.test("a consumer of a renamed event gets what was sent under its earlier name, as that event", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql.begin((tx) => sendEvent(tx, { stream, event: LampLit.create({ lamp_id: "old" }) }));
  await sql`UPDATE events.outbox_event SET event_type = 'AliasesTestLampSwitched'`;
  await sql.begin((tx) => sendEvent(tx, { stream, event: LampLit.create({ lamp_id: "new" }) }));
  await pipeline.publish();
  const handled: unknown[] = [];
  const consumer = defineConsumer({
    stream,
    name: "test:aliases",
    events: [LampLit],
    handle(event, context) {
      handled.push([event.type, event.payload.lamp_id, context.eventType]);
    },
  });
  await using _live = liveConsumers(pipeline, [consumer]);
  await until("both are handled", () => handled.length === 2);
  assertEquals(handled, [
    ["AliasesTestLampLit", "old", "AliasesTestLampSwitched"],
    ["AliasesTestLampLit", "new", "AliasesTestLampLit"],
  ]);
});
