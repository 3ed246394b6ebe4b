/**
 * Reacts to events: exactly once each, in stream order, in the handler's own database transaction.
 *
 * @module
 */
export type { CanaryOptions } from "./canary/canary.ts";
export type { ConsumerContext, EventInfo, ReceivedEvent, WorkContext } from "./consumer_context.ts";
export {
  type BaseSpec,
  type BatchSpec,
  type Consumer,
  type ConsumerSpec,
  defineConsumer,
  type EventOf,
  type ExactlyOnceSpec,
  type Handler,
  isConsumer,
  type OutsideSpec,
  type StartFrom,
} from "./define_consumer.ts";
export { Histories, type History, OutboxHistory } from "./history.ts";
export { loadHandlers } from "./load_handlers.ts";
export { DeadLetter, RetryLater } from "./outcomes.ts";
export { runConsumers, type RunConsumersOptions } from "./run_consumers.ts";
