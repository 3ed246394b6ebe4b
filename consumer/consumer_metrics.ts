import type { Counter, Gauge, Histogram, Metrics } from "@events-pipeline/common/metrics";

/** What consumers measure. */
export interface ConsumerMetrics {
  /** Events handled. */
  readonly handled: Counter;
  /** Handler calls that failed. */
  readonly failed: Counter;
  /** Events that come again after a failure. */
  readonly retried: Counter;
  /** Events set aside. */
  readonly deadLettered: Counter;
  /** Events that were set aside, and are neither redriven nor dropped. */
  readonly deadLetters: Gauge;
  /** How long handlers take. */
  readonly handlerSeconds: Histogram;
  /** Whether this process has the lease. */
  readonly leaseHeld: Gauge;
  /** Entries that are still to be read. */
  readonly lagEvents: Gauge;
  /** How old the first of them is. */
  readonly lagSeconds: Gauge;
  /** For how long a consumer that is behind has not moved. */
  readonly stillSeconds: Gauge;
}

/** Makes the consumers' metrics. */
export function consumerMetrics(metrics: Metrics): ConsumerMetrics {
  const labels = ["consumer", "stream"];
  const counter = (name: string, help: string): Counter => metrics.counter({ name, help, labels });
  const gauge = (name: string, help: string): Gauge => metrics.gauge({ name, help, labels });
  return {
    handled: counter("events_handled_total", "Events handled"),
    failed: counter("events_handler_failures_total", "Handler calls that failed"),
    retried: counter("events_retried_total", "Events that come again after a failure"),
    deadLettered: counter("events_dead_lettered_total", "Events set aside as dead letters"),
    deadLetters: gauge("events_consumer_dead_letters", "Open dead letters, counted up to 10000"),
    handlerSeconds: metrics.histogram({
      name: "events_handler_duration_seconds",
      help: "How long a call of the handler takes",
      labels,
    }),
    leaseHeld: gauge("events_consumer_lease_held", "1 when this process works for the consumer, else 0"),
    lagEvents: gauge("events_consumer_lag_events", "Entries of the stream behind the consumer's checkpoint"),
    lagSeconds: gauge("events_consumer_lag_seconds", "How long the first of them has been in the stream"),
    stillSeconds: gauge(
      "events_consumer_checkpoint_age_seconds",
      "For how long the checkpoint of a consumer that is behind has not moved",
    ),
  };
}
