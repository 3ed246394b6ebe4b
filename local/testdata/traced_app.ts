/**
 * An app that sends one event, inside a span of its own.
 *
 * @module
 */
import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { sendEvent } from "@events-pipeline/producer";
import { trace } from "@opentelemetry/api";

const stream = defineStreamName(Deno.env.get("TEST_STREAM")!);
const sql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "app" });
await trace.getTracer("app").startActiveSpan("checkout", async (span) => {
  await sql.begin((tx) =>
    sendEvent(tx, { stream, event: WidgetCreated.create({ widget_id: "first", owner_id: "o" }) })
  );
  span.end();
});
await closePostgres(sql);
