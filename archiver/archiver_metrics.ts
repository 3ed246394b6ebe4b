import type { Counter, Gauge, Histogram, Metrics } from "@events-pipeline/common/metrics";
import type { Segment } from "./segment.ts";

/** What the archiver measures. */
export class ArchiverMetrics {
  /** Turns of a stream that failed, by kind of error. */
  readonly errors: Counter;
  /** Requests to the store that were sent again. */
  readonly retries: Counter;
  /** Published entries that are not archived. */
  readonly lagEvents: Gauge;
  /** How old the first of them is. */
  readonly lagSeconds: Gauge;
  /** Whether the store refuses to write over an object. */
  readonly conditionalPut: Gauge;
  /** When a stream's archive was last verified. */
  readonly lastVerified: Gauge;
  /** How many faults that found. */
  readonly verifiedFaults: Gauge;
  readonly #events: Counter;
  readonly #segments: Counter;
  readonly #bytes: Counter;
  readonly #putSeconds: Histogram;
  readonly #lastSuccess: Gauge;

  /** Makes them. */
  constructor(metrics: Metrics) {
    const labels = ["stream"];
    const counter = (name: string, help: string): Counter => metrics.counter({ name, help, labels });
    const gauge = (name: string, help: string): Gauge => metrics.gauge({ name, help, labels });
    this.#events = counter("events_archived_total", "Events put into the archive");
    this.#segments = counter("events_archive_segments_total", "Segments put into the archive");
    this.#bytes = counter("events_archive_bytes_total", "Bytes put into the archive, compressed");
    this.#putSeconds = metrics.histogram({
      name: "events_archive_put_duration_seconds",
      help: "How long the store takes for a segment, with its retries",
      labels,
    });
    this.#lastSuccess = gauge(
      "events_archive_last_success_timestamp_seconds",
      "When a segment was last put, in Unix seconds",
    );
    this.errors = metrics.counter({
      name: "events_archive_errors_total",
      help: "Turns of a stream that failed, by kind of error",
      labels: ["stream", "kind"],
    });
    this.retries = metrics.counter({
      name: "events_archive_retries_total",
      help: "Requests to the store that were sent again, without counting them as errors",
    });
    this.lagEvents = gauge("events_archive_lag_events", "Published events that are not archived");
    this.lagSeconds = gauge("events_archive_lag_seconds", "How long the first of them has been published");
    this.conditionalPut = metrics.gauge({
      name: "events_archive_conditional_put",
      help: "1 when the store refuses to write over an object, 0 when the archiver has to look first",
    });
    this.lastVerified = gauge(
      "events_archive_last_verified_timestamp_seconds",
      "When the stream's archive was last verified, in Unix seconds",
    );
    this.verifiedFaults = gauge("events_archive_verified_faults", "How many faults that found");
  }

  /** Counts a segment that was put. */
  put(stream: string, { body, record }: Segment, seconds: number): void {
    this.#events.add(record.count, { stream });
    this.#segments.add(1, { stream });
    this.#bytes.add(body.length, { stream });
    this.#putSeconds.record(seconds, { stream });
    this.#lastSuccess.set(Date.now() / 1_000, { stream });
  }
}
