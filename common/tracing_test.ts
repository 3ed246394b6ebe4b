import { context, trace } from "@opentelemetry/api";
import { NodeTracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace-node";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { activeTraceLabels, messagingTracer } from "./tracing.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

/** Takes traces with OpenTelemetry's own SDK, until disposed. */
function takeTraces() {
  const spans: ReadableSpan[] = [];
  const provider = new NodeTracerProvider({
    spanLimits: { linkCountLimit: 1_000 }, // Its own limit is ours: it would hide what is linked beyond.
    spanProcessors: [{
      onStart() {},
      onEnd: (span) => void spans.push(span),
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
    }],
  });
  provider.register();
  return {
    spans,
    async [Symbol.asyncDispose]() {
      trace.disable();
      context.disable();
      await provider.shutdown();
    },
  };
}

Deno.test("there is a tracer as long as somebody takes traces", async () => {
  assertEquals(messagingTracer(), undefined);
  {
    await using _ = takeTraces();
    assert(messagingTracer() !== undefined);
  }
  assertEquals(messagingTracer(), undefined);
});

Deno.test("what is sent is a child of the active span; what is processed begins a trace and links to what was sent", async () => {
  await using traces = takeTraces();
  const tracer = messagingTracer()!;
  let labels = {};
  await trace.getTracer("app").startActiveSpan("checkout", async (span) => {
    await tracer.inSpan({ operation: "send", stream: "stream:a:b", attributes: {} }, () => {
      labels = activeTraceLabels();
      return Promise.resolve();
    });
    await tracer.inSpan(
      { operation: "process", stream: "stream:a:b", attributes: {}, labels: [labels] },
      async () => {},
    );
    span.end();
  });
  const [sent, processed, checkout] = traces.spans;
  assertEquals([sent!.name, processed!.name, checkout!.name], ["send stream:a:b", "process stream:a:b", "checkout"]);
  assertEquals(sent!.parentSpanContext?.spanId, checkout!.spanContext().spanId);
  assertEquals(processed!.parentSpanContext, undefined);
  assert(processed!.spanContext().traceId !== sent!.spanContext().traceId);
  assertEquals(processed!.links.map(({ context }) => context.spanId), [sent!.spanContext().spanId]);
});

Deno.test("labels that are no trace context are linked to nothing, a later version's are", async () => {
  await using traces = takeTraces();
  const labelled = [
    { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "vendor=1" },
    { traceparent: `00-${TRACE}-${SPAN}-01` }, // Again.
    { traceparent: `cc-${TRACE}-1${SPAN.slice(1)}-00-what-comes-later` },
    { traceparent: `00-${TRACE}-2${SPAN.slice(1)}-01-more` },
    { traceparent: `ff-${TRACE}-3${SPAN.slice(1)}-01` },
    { traceparent: `00-${"0".repeat(32)}-${SPAN}-01` },
    { traceparent: `00-${TRACE.toUpperCase()}-${SPAN}-01` },
    { traceparent: "" },
    { traceparent: 7 },
    { tenant: "t" },
    {},
  ];
  messagingTracer()!.record({ operation: "publish", stream: "s", attributes: {}, labels: labelled }, {
    begunMs: 5_000,
  });
  const [span] = traces.spans;
  assertEquals(
    span!.links.map((
      { context },
    ) => [context.spanId, context.isRemote, context.traceFlags, context.traceState?.serialize()]),
    [[SPAN, true, 1, "vendor=1"], [`1${SPAN.slice(1)}`, true, 0, undefined]],
  );
  assertEquals(span!.startTime, [5, 0]);
});

Deno.test("a span links to 128 others at most", async () => {
  await using traces = takeTraces();
  const labels = Array.from({ length: 500 }, (_, i) => ({
    traceparent: `00-${TRACE}-${(i + 1).toString(16).padStart(16, "0")}-01`,
  }));
  messagingTracer()!.record({ operation: "publish", stream: "s", attributes: {}, labels }, { begunMs: Date.now() });
  assertEquals(traces.spans[0]!.links.length, 128);
});

Deno.test("a failed span tells the error's name, SQLSTATE and place, and not what it says", async () => {
  await using traces = takeTraces();
  const refused = Object.assign(new Error("The card 4111\n    at secret is refused"), {
    name: "PostgresError",
    code: "23505",
  });
  const span = { operation: "process", stream: "s", attributes: {} } as const;
  await assertRejects(() => messagingTracer()!.inSpan(span, () => Promise.reject(refused)), Error, "4111");
  await messagingTracer()!.inSpan(span, () => Promise.reject("text 4111")).catch(() => {});
  const [first, second] = traces.spans;
  assertEquals(first!.status, { code: 2, message: "PostgresError" });
  assertEquals(first!.attributes["db.response.status_code"], "23505");
  assert(String(first!.events[0]!.attributes!["exception.stacktrace"]).includes("tracing_test.ts"));
  assertEquals([second!.status.message, second!.attributes["error.type"]], ["string", "string"]);
  const all = JSON.stringify(traces.spans.map(({ attributes, events, status }) => ({ attributes, events, status })));
  assert(!all.includes("4111") && !all.includes("secret"), all);
});
