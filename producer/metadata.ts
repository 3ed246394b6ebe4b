import { encodeJson } from "@events-pipeline/common";
import { currentCause } from "@events-pipeline/common/event-cause";
import { activeTraceLabels } from "@events-pipeline/common/tracing";
import { Buffer } from "node:buffer";
import type { Metadata } from "./send_options.ts";

/** The longest metadata, in bytes of JSON text. */
const MAX_METADATA_BYTES = 16 * 1024;

/**
 * An event's metadata as JSON text: the caller's labels, and what is known of trace and cause beside them.
 *
 * @param what what is sent, for messages
 * @throws {TypeError} a label is not text, or all are too large
 */
export function encodeMetadata(given: Metadata, what: string): string {
  for (const [key, value] of Object.entries(given)) {
    if (value !== undefined && typeof value !== "string") {
      throw new TypeError(`Cannot send ${what}: metadata '${key}' is a ${typeof value} and must be text`);
    }
  }
  const text = encodeJson({ ...labelsOfCause(), ...activeTraceLabels(), ...given });
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_METADATA_BYTES) {
    throw new TypeError(`Cannot send ${what}: its metadata has ${bytes} bytes and may have ${MAX_METADATA_BYTES}`);
  }
  return text;
}

/** What an event that is sent inside a handler has from the event handled. */
function labelsOfCause(): Metadata {
  const cause = currentCause();
  if (cause === undefined) return {};
  const { metadata, eventId } = cause;
  const text = (name: string): string | undefined => {
    const value = metadata[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    traceparent: text("traceparent"),
    tracestate: text("tracestate"),
    correlation_id: text("correlation_id") ?? eventId,
    causation_id: eventId,
    tenant: text("tenant"),
  };
}
