/**
 * Traces of OpenTelemetry: the spans of the pipeline, and how an event's labels carry a span's identity.
 *
 * Only the API is used. A program that wants traces registers an SDK, or runs in Deno with `OTEL_DENO=true`.
 *
 * @module
 */
import {
  context,
  createTraceState,
  isSpanContextValid,
  type Link,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import { sqlstateOf } from "./sqlstate.ts";

/** The instrumentation's name, and that of the messaging system. */
const NAME = "events-pipeline";

/** A span links so many others, at most: what OpenTelemetry's SDKs keep unless told otherwise. */
const MAX_LINKS = 128;

/** The operations that have spans: their kinds, and OpenTelemetry's own words for them. */
const OPERATIONS = {
  send: { kind: SpanKind.PRODUCER, type: "send" },
  publish: { kind: SpanKind.INTERNAL, type: "send" },
  process: { kind: SpanKind.CONSUMER, type: "process" },
} as const;

/** What a span is about. */
export interface MessagingSpan {
  /** What is done: an app sends, the publisher publishes, a consumer processes. */
  readonly operation: "send" | "publish" | "process";
  /** The stream it is done to. */
  readonly stream: string;
  /** What else there is to say. */
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Labels of events, whose spans are linked: up to 128 different ones. @default none */
  readonly labels?: Iterable<Readonly<Record<string, unknown>>>;
}

/**
 * Makes the pipeline's spans, by OpenTelemetry's conventions for messaging
 * (https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/). A span that sends is a child of the active one. The others
 * begin a trace each, with links: an event may be published and processed long after it was sent, with others, and more than once.
 */
export interface MessagingTracer {
  /** Does work inside a span, which is active meanwhile. If it fails, the span says so, and the error is thrown on. */
  inSpan<T>(span: MessagingSpan, act: () => Promise<T>): Promise<T>;
  /** Makes the span of work that is over. */
  record(span: MessagingSpan, outcome: SpanOutcome): void;
}

/** How work went. */
export interface SpanOutcome {
  /** When it was begun, in Unix milliseconds. */
  readonly begunMs: number;
  /** What it failed of. @default it did not */
  readonly failure?: { readonly error: unknown } | undefined;
}

/** The API's stand-in, which has no tracer to give until somebody has registered a real provider. */
interface MaybeStandIn {
  getDelegateTracer?(name: string): Tracer | undefined;
}

/**
 * The tracer of the pipeline; `undefined` when nobody takes traces, so that what prepares a span can be left out. Ask once for each
 * batch of work.
 *
 * @example
 * ```ts
 * import { messagingTracer } from "@events-pipeline/common/tracing";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(messagingTracer(), undefined); // Nobody has registered an SDK.
 * ```
 */
export function messagingTracer(): MessagingTracer | undefined {
  const provider = trace.getTracerProvider();
  const standIn = provider as MaybeStandIn;
  const tracer = standIn.getDelegateTracer === undefined ? provider.getTracer(NAME) : standIn.getDelegateTracer(NAME);
  return tracer === undefined ? undefined : tracerOn(tracer);
}

function tracerOn(tracer: Tracer): MessagingTracer {
  const start = (about: MessagingSpan, more?: SpanOptions): Span => {
    const { kind, type } = OPERATIONS[about.operation];
    return tracer.startSpan(`${about.operation} ${about.stream}`, {
      kind,
      root: about.operation !== "send",
      links: linksTo(about.labels ?? []),
      attributes: {
        "messaging.system": NAME,
        "messaging.destination.name": about.stream,
        "messaging.operation.name": about.operation,
        "messaging.operation.type": type,
        ...about.attributes,
      },
      ...more,
    });
  };
  return {
    async inSpan(about, act) {
      const span = start(about);
      try {
        return await context.with(trace.setSpan(context.active(), span), act);
      } catch (error) {
        recordFailure(span, error);
        throw error;
      } finally {
        span.end();
      }
    },
    record(about, { begunMs, failure }) {
      const span = start(about, { startTime: begunMs });
      if (failure !== undefined) recordFailure(span, failure.error);
      span.end();
    },
  };
}

/** A span's identity as an event's labels carry it. */
export interface TraceLabels {
  /** As W3C Trace Context (https://www.w3.org/TR/trace-context/) writes it. */
  readonly traceparent?: string | undefined;
  /** What tracing systems have added to it. */
  readonly tracestate?: string | undefined;
}

/**
 * The labels of an event that is sent now: they name the active span; none without one.
 *
 * @example
 * ```ts
 * import { activeTraceLabels } from "@events-pipeline/common/tracing";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(activeTraceLabels(), {}); // Nobody has registered an SDK.
 * ```
 */
export function activeTraceLabels(): TraceLabels {
  const span = trace.getActiveSpan()?.spanContext();
  if (span === undefined || !isSpanContextValid(span)) return {};
  const flags = span.traceFlags.toString(16).padStart(2, "0");
  // An event's trace state belongs to its trace parent, also when it is none.
  const tracestate = span.traceState?.serialize() || undefined;
  return { traceparent: `00-${span.traceId}-${span.spanId}-${flags}`, tracestate };
}

/** Links to the spans that events came from. Those that were sent together came from the same one. */
function linksTo(events: Iterable<Readonly<Record<string, unknown>>>): Link[] {
  const links = new Map<string, Link>();
  for (const labels of events) {
    const link = linkTo(labels);
    const id = link && `${link.context.traceId} ${link.context.spanId}`;
    if (link !== undefined && !links.has(id!)) links.set(id!, link);
    if (links.size === MAX_LINKS) break;
  }
  return [...links.values()];
}

const TRACE_PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

function linkTo({ traceparent, tracestate }: Readonly<Record<string, unknown>>): Link | undefined {
  const [, version, traceId, spanId, flags, more] = typeof traceparent === "string"
    ? TRACE_PARENT.exec(traceparent) ?? []
    : [];
  // A later version may have more parts than this one.
  if (version === undefined || version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const context: SpanContext = {
    traceId: traceId!,
    spanId: spanId!,
    traceFlags: parseInt(flags!, 16),
    isRemote: true,
    ...(typeof tracestate === "string" ? { traceState: createTraceState(tracestate) } : {}),
  };
  return isSpanContextValid(context) ? { context } : undefined;
}

/**
 * Marks a span as failed. What the error says is left out, since it may tell of payloads or secrets: the span has the error's name, its
 * SQLSTATE, and where it was thrown.
 */
function recordFailure(span: Span, error: unknown): void {
  const type = error instanceof Error ? error.name : typeof error;
  const code = error instanceof Error ? sqlstateOf(error) : undefined;
  const frames = error instanceof Error ? framesOf(error) : "";
  span.addEvent("exception", {
    "exception.type": type,
    ...(frames === "" ? {} : { "exception.stacktrace": frames }),
  });
  span.setAttribute("error.type", type);
  if (typeof code === "string" && SQLSTATE.test(code)) span.setAttribute("db.response.status_code", code);
  span.setStatus({ code: SpanStatusCode.ERROR, message: type });
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Where an error was thrown: its stack behind the message, whatever lines that has. */
function framesOf({ message, stack = "" }: Error): string {
  const at = stack.indexOf(message);
  if (at === -1) return "";
  return stack.slice(at + message.length).split("\n").filter((line) => /^\s+at /.test(line)).join("\n");
}
