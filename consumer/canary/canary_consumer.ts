import { defineEvent, type EventDefinition, type StreamName } from "@events-pipeline/common";
import { z } from "zod";
import { type Consumer, defineConsumer } from "../define_consumer.ts";

/** The name of the consumer that handles canaries: its identity in checkpoints, metrics and health. */
export const CANARY_CONSUMER = "events:canary";

/** The stream of the canaries, if no other is set. Streams belong to one outbox, so pipelines that share a Redis set their own. */
export const CANARY_STREAM = "stream:canary:events";

/** Says who has sent a canary. */
export interface CanaryMark {
  /** The sender: a UUID that lives as long as its process. */
  readonly sender: string;
  /** The sender's how many-th it is. */
  readonly number: number;
}

let definition: EventDefinition<"EventsPipelineCanarySent", CanaryMark> | undefined;

/** The canary's event. Defined when first used, so that it is not among the events of those who have no canary. */
export function canarySent(): EventDefinition<"EventsPipelineCanarySent", CanaryMark> {
  return definition ??= defineEvent("EventsPipelineCanarySent", { sender: z.string(), number: z.number() });
}

/**
 * The consumer of the canaries: an ordinary one, which writes nothing beside the note that the event is done. It begins with what is sent
 * from now on, since old canaries tell nothing.
 *
 * @param onCanary called with each canary, in its transaction
 */
export function canaryConsumer(stream: StreamName, onCanary: (mark: CanaryMark, entryId: string) => void): Consumer {
  return defineConsumer({
    stream,
    name: CANARY_CONSUMER,
    events: [canarySent()],
    startFrom: "now",
    handle: ({ payload }, { entryId }) => onCanary(payload, entryId),
  });
}
