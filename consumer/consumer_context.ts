import type { Event } from "@events-pipeline/common";
import type { Logger } from "@events-pipeline/common/logger";

/** What is known of an event beside its type and payload. */
export interface EventInfo {
  /** The event's id: a UUID version 7, the same at each attempt. */
  readonly eventId: string;
  /** Its place in the stream, `<ms>-<position>`. */
  readonly entryId: string;
  /** The name of its definition. */
  readonly eventType: string;
  /** When it was sent. */
  readonly time: Date;
  /** The labels that the producer gave it: trace context, correlation and causation ids. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** What a handler may use while it works. */
export interface WorkContext {
  /** The stream. */
  readonly stream: string;
  /** Which attempt this is, from 1. It is kept in the database, so a restart does not begin anew. */
  readonly attempt: number;
  /** Fires when the work is to be given up: it took too long, the lease was lost, or the process is told to stop at once. */
  readonly signal: AbortSignal;
  /** A log of the handler's own. */
  readonly logger: Logger;
}

/** What a handler is told about the event beside its payload. */
export interface ConsumerContext extends EventInfo, WorkContext {}

/** An event of a batch, with what is known of it. */
export interface ReceivedEvent<E extends Event = Event> extends EventInfo {
  /** The event. */
  readonly event: E;
}
