import type { Event, Guarantee, StreamName } from "@events-pipeline/common";

/**
 * Labels that travel with an event, 16 KiB of JSON text at most. Whatever is not given and can be known is filled in: trace context from
 * the active span of OpenTelemetry; inside a consumer's handler, correlation, causation and tenant from the event that is handled, and
 * its trace context too when there is no span.
 */
export interface Metadata {
  /** W3C trace context. @default that of the active span, if there is one */
  readonly traceparent?: string | undefined;
  /** W3C trace state. @default that of the active span, if it has one */
  readonly tracestate?: string | undefined;
  /** What all events of one story have in common. @default in a handler, that of the event handled, or else its id */
  readonly correlation_id?: string | undefined;
  /** The id of the event that has caused this one. @default in a handler, the id of the event handled */
  readonly causation_id?: string | undefined;
  /** Whose data it is. @default in a handler, that of the event handled */
  readonly tenant?: string | undefined;
  /** Labels of your own. */
  readonly [label: string]: string | undefined;
}

/** What is sent, and how. */
export interface SendOptions {
  /** The stream. */
  readonly stream: StreamName;
  /**
   * `EXACTLY_ONCE`: the event is part of the caller's transaction, and is sent if and only if that commits. `AT_LEAST_ONCE`: it
   * is committed at once, whatever becomes of the caller.
   *
   * @default "EXACTLY_ONCE"
   */
  readonly guarantee?: Guarantee;
  /** Labels that travel with the event. @default {} */
  readonly metadata?: Metadata;
  /** The longest payload, in bytes of JSON text. @default 1048576 */
  readonly maxPayloadBytes?: number;
  /** `AT_LEAST_ONCE` only: how long a connection of the pool may take to become free, in milliseconds. @default 5000 */
  readonly connectionWaitMs?: number;
}

/** What `sendEvent` sends. */
export interface SendEventOptions extends SendOptions {
  /** The event, made by its definition's `create`. */
  readonly event: Event;
}

/** What `sendEvents` sends. */
export interface SendEventsOptions extends SendOptions {
  /** The events, in the order in which they shall stand in the stream. */
  readonly events: readonly Event[];
}
