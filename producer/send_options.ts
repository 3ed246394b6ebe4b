import type { Event, Guarantee, StreamName } from "@events-pipeline/common";

/** Labels that travel with an event: trace context, correlation and causation ids. Keys and values are text. */
export type Metadata = Readonly<Record<string, string>>;

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
