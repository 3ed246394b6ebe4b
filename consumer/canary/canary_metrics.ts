import type { Gauge, Histogram, Metrics } from "@events-pipeline/common/metrics";

/** What is measured of the canary. */
export interface CanaryMetrics {
  /** How long canaries take. */
  readonly seconds: Histogram;
  /** How long ago the last one came. */
  readonly age: Gauge;
  /** How often one is sent. */
  readonly interval: Gauge;
}

/** Makes the canary's metrics. */
export function canaryMetrics(metrics: Metrics): CanaryMetrics {
  return {
    seconds: metrics.histogram({
      name: "events_canary_duration_seconds",
      help: "How long a canary takes from before its insert until its handling is committed",
    }),
    age: metrics.gauge({
      name: "events_canary_age_seconds",
      help: "How long ago the last canary came, or the watch began; 0 where another process has the watch",
    }),
    interval: metrics.gauge({ name: "events_canary_interval_seconds", help: "How often a canary is sent" }),
  };
}
