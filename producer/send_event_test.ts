import { defineEvent, type StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assertEquals, assertRejects } from "@std/assert";
import { z } from "zod";
import { sendEvent, sendEvents } from "./send_event.ts";

const widget = WidgetCreated.create({ widget_id: "w", owner_id: "o" });
const Noted = defineEvent("ProducerTestNoted", { text: z.string() });

Deno.test("sendEvent() writes a row if and only if the caller's transaction commits", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const eventId = await sql.begin((tx) => sendEvent(tx, { stream, event: widget, metadata: { correlation_id: "c" } }));
  await assertRejects(() =>
    sql.begin(async (tx) => {
      await sendEvent(tx, { stream, event: widget });
      throw new Error("no");
    })
  );
  const rows = await sql`SELECT event_id, event_type, payload, metadata, published_at FROM events.outbox_event`;
  assertEquals([...rows], [{
    event_id: eventId,
    event_type: "WidgetCreated",
    payload: { widget_id: "w", owner_id: "o" },
    metadata: { correlation_id: "c" },
    published_at: null,
  }]);
});

Deno.test("sendEvent() refuses before any SQL, and leaves the transaction usable", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const unregistered = { type: "NobodyDefinedThis", payload: {} };
  const misfit = { type: "WidgetCreated", payload: { widget_id: 1 } };
  const extra = { type: "WidgetCreated", payload: { widget_id: "w", owner_id: "o", more: 10n } };
  await sql.begin(async (tx) => {
    const refused = (promise: Promise<unknown>, message: string) => assertRejects(() => promise, Error, message);
    await refused(sendEvent(tx, { stream: "stream:typo:events" as StreamName, event: widget }), "not defined");
    await refused(sendEvent(tx, { stream, event: unregistered }), "'NobodyDefinedThis': it is not defined");
    await refused(sendEvent(tx, { stream, event: misfit }), "payload.widget_id");
    await refused(sendEvent(tx, { stream, event: extra }), "payload.more: it is a bigint");
    await refused(sendEvent(tx, { stream, event: widget, maxPayloadBytes: 10 }), "and may have 10");
    await refused(sendEvent(tx, { stream, event: widget, guarantee: "AT_MOST_ONCE" }), "AT_MOST_ONCE");
    await refused(sendEvent(tx, { stream, event: widget, guarantee: "AT_LEAST_ONCE" }), "inside a transaction");
    await refused(sendEvent(sql, { stream, event: widget }), "outside a transaction: guarantee is EXACTLY_ONCE");
    await sendEvent(tx, { stream, event: widget });
  });
  const [row] = await sql`SELECT count(*)::int AS rows FROM events.outbox_event`;
  assertEquals(row!["rows"], 1);
});

Deno.test("sendEvent() with AT_LEAST_ONCE commits at once on the pool", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sendEvent(sql, { stream, event: widget, guarantee: "AT_LEAST_ONCE" });
  const [row] = await sql`SELECT count(*)::int AS rows FROM events.outbox_event`;
  assertEquals(row!["rows"], 1);
});

Deno.test("sendEvents() keeps the order of 10,000 events, and every byte of unusual payloads", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const texts = ["\u0000", "\ud800", "'\"\\", "żółw 🐢", "\u2028", "x".repeat(500_000), "$1 ${2}"];
  // As values, and as the names of fields that a newer producer has added.
  const many = Array.from({ length: 10_000 }, (_, i) => {
    const text = texts[i] ?? `n${i}`;
    return Noted.create({ text, ...i < texts.length ? { [text.slice(0, 9)]: [text] } : {} });
  });
  const ids = await sql.begin((tx) => sendEvents(tx, { stream, events: many }));
  const rows = await sql<{ event_id: string; payload: string }[]>`
    SELECT event_id, payload::text FROM events.outbox_event ORDER BY id`;
  assertEquals(rows.map((row) => row.event_id), ids);
  assertEquals(rows.map((row) => JSON.parse(row.payload)), many.map((event) => event.payload));
  assertEquals(await sql.begin((tx) => sendEvents(tx, { stream, events: [] })), []);
});
