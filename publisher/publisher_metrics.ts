import type { Counter, Gauge, Histogram, Metrics } from "@events-pipeline/common/metrics";

/** What the publisher measures. */
export interface PublisherMetrics {
  /** Events appended to a stream. */
  readonly published: Counter;
  /** How long a round takes that published something. */
  readonly roundSeconds: Histogram;
  /** When a stream was last published to. */
  readonly lastPublished: Gauge;
  /** Rounds that failed, by kind of error. */
  readonly errors: Counter;
  /** Entries that were adopted or refilled. */
  readonly repaired: Counter;
  /** Entries that are lost. */
  readonly lost: Counter;
  /** Rows that wait. */
  readonly backlogRows: Gauge;
  /** How long the oldest of them has waited. */
  readonly backlogSeconds: Gauge;
}

/** Makes the publisher's metrics. */
export function publisherMetrics(metrics: Metrics): PublisherMetrics {
  const labels = ["stream"];
  return {
    published: metrics.counter({ name: "events_published_total", help: "Events appended to their stream", labels }),
    roundSeconds: metrics.histogram({
      name: "events_publish_round_duration_seconds",
      help: "Time from the lock on a stream to the commit of what was published",
      labels,
    }),
    lastPublished: metrics.gauge({
      name: "events_last_published_timestamp_seconds",
      help: "When an event was last published, in Unix seconds",
      labels,
    }),
    errors: metrics.counter({
      name: "events_publish_errors_total",
      help: "Rounds that failed, by the error's code",
      labels: ["stream", "kind"],
    }),
    repaired: metrics.counter({
      name: "events_repaired_total",
      help: "Entries adopted after a lost commit, or refilled after Redis lost them",
      labels: ["stream", "kind"],
    }),
    lost: metrics.counter({
      name: "events_lost_total",
      help: "Entries that Redis lost and that the outbox no longer held",
      labels,
    }),
    backlogRows: metrics.gauge({
      name: "events_backlog_rows",
      help: "Unpublished rows, counted up to a million",
      labels,
    }),
    backlogSeconds: metrics.gauge({
      name: "events_backlog_seconds",
      help: "How long the oldest unpublished row has waited",
      labels,
    }),
  };
}

/** The first word of a Redis error, the SQLSTATE of a PostgreSQL error, or the error's name: few and bounded values. */
export function errorKind(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if ("code" in error && typeof error.code === "string") return error.code;
  return /^[A-Z]{4,20}(?= )/.exec(error.message)?.[0] ?? error.name;
}
