/**
 * What the parts measure. The libraries know this interface alone; a program decides where the figures go, for example with
 * `prometheusMetrics` of `@events-pipeline/common/prometheus`.
 *
 * @module
 */

/** What tells the series of one metric apart: few and bounded values, such as a stream's name. */
export type MetricLabels = Readonly<Record<string, string>>;

/** What a metric is. */
export interface MetricSpec {
  /** Its name, `events_…` with its unit at the end. */
  readonly name: string;
  /** The question it answers, in a sentence. */
  readonly help: string;
  /** The names of its labels. @default none */
  readonly labels?: readonly string[];
}

/** What a histogram is. */
export interface HistogramSpec extends MetricSpec {
  /** The upper bounds of its buckets, rising. @default from 1 ms to 60 s, for durations in seconds */
  readonly buckets?: readonly number[];
}

/** Only grows. */
export interface Counter {
  /** Adds to it. */
  add(value: number, labels?: MetricLabels): void;
}

/** Goes up and down. */
export interface Gauge {
  /** Sets it. */
  set(value: number, labels?: MetricLabels): void;
  /** Drops a series that is no longer true. */
  remove(labels: MetricLabels): void;
}

/** How values are spread. */
export interface Histogram {
  /** Adds a value. */
  record(value: number, labels?: MetricLabels): void;
}

/** Makes metrics. One name is made once. */
export interface Metrics {
  /** A metric that only grows. */
  counter(spec: MetricSpec): Counter;
  /** A metric that goes up and down. */
  gauge(spec: MetricSpec): Gauge;
  /** A spread of values. */
  histogram(spec: HistogramSpec): Histogram;
  /** Calls back before the figures are read, for those that are only worth measuring when somebody asks. */
  beforeRead(callback: () => void | Promise<void>): void;
}

const nothing: Counter & Gauge & Histogram = Object.freeze({ add() {}, set() {}, remove() {}, record() {} });

/** Drops every figure. The default of the libraries. */
export const noMetrics: Metrics = Object.freeze({
  counter: () => nothing,
  gauge: () => nothing,
  histogram: () => nothing,
  beforeRead() {},
});
