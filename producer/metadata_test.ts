import { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { defineConsumer } from "@events-pipeline/consumer";
import { runHandler } from "@events-pipeline/consumer/testing";
import { createTraceState, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { AsyncLocalStorage } from "node:async_hooks";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assertEquals, assertThrows } from "@std/assert";
import { context } from "@opentelemetry/api";
import { encodeMetadata } from "./metadata.ts";
import { sendEvent } from "./send_event.ts";

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** What an SDK of OpenTelemetry registers, so that spans become active. */
const contexts = new AsyncLocalStorage<typeof ROOT_CONTEXT>();

function inSpan<T>(act: () => T): T {
  const manager = {
    active: () => contexts.getStore() ?? ROOT_CONTEXT,
    with: (active: typeof ROOT_CONTEXT, run: (...args: unknown[]) => unknown, self?: unknown, ...args: unknown[]) =>
      contexts.run(active, () => run.apply(self, args)),
    bind: (_: unknown, target: unknown) => target,
    enable: () => manager,
    disable: () => manager,
  };
  context.setGlobalContextManager(manager as never);
  try {
    const span = trace.wrapSpanContext({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: 1,
      traceState: createTraceState("vendor=1"),
    });
    return context.with(trace.setSpan(ROOT_CONTEXT, span), act);
  } finally {
    context.disable();
  }
}

Deno.test("encodeMetadata() has the trace context of the active span, which labels of the caller's overrule", () => {
  assertEquals(encodeMetadata({}, "x"), "{}");
  assertEquals(inSpan(() => JSON.parse(encodeMetadata({ tenant: "t", note: "ż" }, "x"))), {
    traceparent: parent,
    tracestate: "vendor=1",
    tenant: "t",
    note: "ż",
  });
  assertEquals(inSpan(() => JSON.parse(encodeMetadata({ traceparent: "mine", tracestate: undefined }, "x"))), {
    traceparent: "mine",
  });
});

Deno.test("encodeMetadata() refuses what is not text, and more than 16 KiB", () => {
  assertThrows(() => encodeMetadata({ tenant: 7 as never }, "'X'"), TypeError, "'tenant' is a number and must be text");
  assertThrows(() => encodeMetadata({ a: "ż".repeat(8_200) }, "'X'"), TypeError, "may have 16384");
});

Deno.test("sendEvent() inside a handler tells its cause by itself, and hands on correlation, tenant and trace", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const event = WidgetCreated.create({ widget_id: "w", owner_id: "o" });
  const consumer = defineConsumer({
    stream: StreamName.WIDGETS,
    name: "test:chain",
    events: [WidgetCreated],
    async handle(_event, _context, tx) {
      await Promise.resolve();
      await sendEvent(tx, { stream, event });
      await sendEvent(tx, { stream, event, metadata: { correlation_id: "other", causation_id: undefined } });
    },
  });
  const sent = async (metadata: Record<string, string>): Promise<unknown> => {
    const { seen } = await runHandler(consumer, event, {
      sql,
      eventId: "019a2f6e-0000-7000-8000-000000000000",
      metadata,
      inspect: (tx) => tx`SELECT metadata FROM events.outbox_event ORDER BY id`,
    });
    return seen!.map((row) => row["metadata"]);
  };
  const causation_id = "019a2f6e-0000-7000-8000-000000000000";
  assertEquals(await sent({}), [{ correlation_id: causation_id, causation_id }, { correlation_id: "other" }]);
  assertEquals(await sent({ correlation_id: "c", tenant: "t", traceparent: parent, free: "no" }), [
    { correlation_id: "c", causation_id, tenant: "t", traceparent: parent },
    { correlation_id: "other", tenant: "t", traceparent: parent },
  ]);
  assertEquals(await sql.begin((tx) => sendEvent(tx, { stream, event })).then(() => 1), 1);
  const [row] = await sql`SELECT metadata FROM events.outbox_event`;
  assertEquals(row!["metadata"], {}); // Outside of the handler there is no cause.
});
