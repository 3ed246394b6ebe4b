import { WidgetCreated } from "@events-pipeline/common/schemas";
import { runHandler } from "@events-pipeline/consumer/testing";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assertEquals } from "@std/assert";
import { notifyOwner } from "./handlers.ts";
import { createWidgetTables } from "./tables.ts";

Deno.test("notifyOwner writes to the owner of a new widget", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  await createWidgetTables(sql);
  const event = WidgetCreated.create({ widget_id: "w1", owner_id: "o1" });
  const { outcome, seen } = await runHandler(notifyOwner, event, {
    sql,
    inspect: (tx) => tx`SELECT owner_id, message FROM widgets.notification`,
  });
  assertEquals(outcome, { kind: "handled" });
  assertEquals([...seen!], [{ owner_id: "o1", message: "Your widget w1 is ready" }]);
  assertEquals((await sql`SELECT FROM widgets.notification`).length, 0); // It was rolled back.
});
