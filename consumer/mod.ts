/**
 * Reacts to events: exactly once each, in stream order, in the handler's own database transaction.
 *
 * @module
 */
export {
  type Consumer,
  type ConsumerContext,
  type ConsumerSpec,
  defineConsumer,
  type EventOf,
  isConsumer,
} from "./define_consumer.ts";
export { runConsumers, type RunConsumersOptions } from "./run_consumers.ts";
