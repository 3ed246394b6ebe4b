import type { MessagingTracer } from "@events-pipeline/common/tracing";
import type { EventInfo } from "./consumer_context.ts";

/** What a handler is called for. */
export interface HandlerWork {
  /** The stream its events are from. */
  readonly stream: string;
  /** The consumer's name. */
  readonly consumer: string;
  /** Which attempt this is. */
  readonly attempt: number;
  /** What identifies its events, and came with them. At least one. */
  readonly events: readonly EventInfo[];
}

/** Handles events inside a span: what the handler sends, and its own spans, are children of it. */
export async function inHandlerSpan(
  tracer: MessagingTracer,
  { stream, consumer, attempt, events }: HandlerWork,
  handle: () => Promise<void>,
): Promise<void> {
  const first = events[0]!;
  const attributes = {
    "messaging.consumer.group.name": consumer,
    "events_pipeline.entry.id": first.entryId,
    "events_pipeline.attempt": attempt,
    ...(events.length === 1
      ? { "messaging.message.id": first.eventId, "events_pipeline.event.type": first.eventType }
      : { "messaging.batch.message_count": events.length }),
  };
  const labels = events.map(({ metadata }) => metadata);
  await tracer.inSpan({ operation: "process", stream, attributes, labels }, handle);
}
