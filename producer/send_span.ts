import { messagingTracer } from "@events-pipeline/common/tracing";
import type { OutboxRows } from "./outbox_insert.ts";

/**
 * Sends inside a span of its own, which is what the events' labels name and what the spans of their consumers link to. Without
 * anybody who takes traces it only sends.
 */
export async function inSendSpan(
  { stream, eventIds, types }: Pick<OutboxRows, "stream" | "eventIds" | "types">,
  send: () => Promise<void>,
): Promise<void> {
  const tracer = messagingTracer();
  if (tracer === undefined) return await send();
  const attributes: Record<string, string | number> = eventIds.length === 1
    ? { "messaging.message.id": eventIds[0]!, "events_pipeline.event.type": types[0]! }
    : { "messaging.batch.message_count": eventIds.length };
  await tracer.inSpan({ operation: "send", stream, attributes }, send);
}
