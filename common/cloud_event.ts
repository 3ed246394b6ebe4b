import type { Envelope } from "./envelope.ts";

/**
 * An envelope as a CloudEvent in memory, whose `JSON.stringify` is its JSON format. Source: CloudEvents 1.0.2, with its JSON event format
 * and its distributed tracing extension.
 */
export interface CloudEvent {
  /** The version of the specification. */
  readonly specversion: "1.0";
  /** The event's id. */
  readonly id: string;
  /** The stream: its name is a URI. */
  readonly source: string;
  /** The name of the event's definition. */
  readonly type: string;
  /** When it was sent. */
  readonly time: string;
  /** What `data` is. */
  readonly datacontenttype: "application/json";
  /** The payload. */
  readonly data: unknown;
  /** All labels, as JSON text. Attributes' names are lower-case letters and digits, and those of labels are free. */
  readonly eventmetadata?: string;
  /** W3C trace context, where the labels have it. */
  readonly traceparent?: string;
  /** W3C trace state, where the labels have it. */
  readonly tracestate?: string;
}

/**
 * Writes an envelope as a CloudEvent. Numbers of the payload become JavaScript's.
 *
 * @example
 * ```ts
 * import { fromCloudEvent, toCloudEvent } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * const envelope = {
 *   eventId: "019a2f6e-0000-7000-8000-000000000000",
 *   stream: "stream:widgets:events",
 *   eventType: "WidgetCreated",
 *   time: "2026-01-01T00:00:00.000Z",
 *   metadata: '{"tenant":"t1"}',
 *   payload: '{"widget_id":"w1","owner_id":"o1"}',
 * };
 * const event = toCloudEvent(envelope);
 * assertEquals([event.id, event.type], [envelope.eventId, "WidgetCreated"]);
 * assertEquals(fromCloudEvent(JSON.parse(JSON.stringify(event))), envelope);
 * ```
 */
export function toCloudEvent(envelope: Envelope): CloudEvent {
  const labels = JSON.parse(envelope.metadata) as Readonly<Record<string, unknown>>;
  const { traceparent, tracestate } = labels;
  return {
    specversion: "1.0",
    id: envelope.eventId,
    source: envelope.stream,
    type: envelope.eventType,
    time: envelope.time,
    datacontenttype: "application/json",
    data: JSON.parse(envelope.payload),
    ...(Object.keys(labels).length > 0 ? { eventmetadata: envelope.metadata } : {}),
    ...(typeof traceparent === "string" ? { traceparent } : {}),
    ...(typeof tracestate === "string" ? { tracestate } : {}),
  };
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** What a CloudEvent is not read without. */
const WANTED: Readonly<Record<string, (value: unknown) => boolean>> = {
  specversion: (value) => value === "1.0",
  id: (value) => typeof value === "string" && UUID.test(value),
  source: isText,
  type: isText,
  time: (value) => isText(value) && !Number.isNaN(Date.parse(value as string)),
  datacontenttype: (value) => value === undefined || /^application\/(?:[\w.-]+\+)?json\b/.test(String(value)),
  data: (value) => value !== undefined,
};

/**
 * Reads an envelope from a CloudEvent: one that {@linkcode toCloudEvent} wrote, or another with JSON data, a UUID as its id, and a time.
 * The source becomes the stream. Trace context outside of the labels is taken over, other extension attributes are not.
 *
 * @throws {TypeError} it is no such CloudEvent; the message names each attribute that does not fit
 */
export function fromCloudEvent(event: unknown): Envelope {
  if (typeof event !== "object" || event === null) throw new TypeError("Cannot read a CloudEvent: it is not an object");
  const attributes = event as Readonly<Record<string, unknown>>;
  const misfits = Object.keys(WANTED).filter((name) => !WANTED[name]!(attributes[name]));
  if (misfits.length > 0) {
    const found = misfits.map((name) => `${name} is ${JSON.stringify(attributes[name])?.slice(0, 100) ?? "missing"}`);
    throw new TypeError(`Cannot read a CloudEvent: ${found.join("; ")}`);
  }
  const { id, source, type, time, data } = attributes;
  return {
    eventId: String(id),
    stream: String(source),
    eventType: String(type),
    time: new Date(String(time)).toISOString(),
    metadata: labelsOf(attributes),
    payload: JSON.stringify(data),
  };
}

function labelsOf({ eventmetadata, traceparent, tracestate }: Readonly<Record<string, unknown>>): string {
  if (typeof eventmetadata === "string") {
    const labels: unknown = parsed(eventmetadata);
    if (typeof labels === "object" && labels !== null && !Array.isArray(labels)) return eventmetadata;
    throw new TypeError("Cannot read a CloudEvent: eventmetadata is not a JSON object");
  }
  return JSON.stringify({
    ...(isText(traceparent) ? { traceparent } : {}),
    ...(isText(tracestate) ? { tracestate } : {}),
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
