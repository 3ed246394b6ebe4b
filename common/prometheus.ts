import * as prometheus from "prom-client";
import type { Metrics, MetricSpec } from "./metrics.ts";

/** Metrics that can be read in the text format of Prometheus. */
export interface PrometheusMetrics extends Metrics {
  /** All metrics, as text. */
  render(): Promise<string>;
  /** The content type of that text. */
  readonly contentType: string;
  /** All metrics as data that can be sent to another process, for {@linkcode renderSnapshots}. */
  snapshot(): Promise<readonly MetricSnapshot[]>;
}

/** One metric, as data. */
export interface MetricSnapshot {
  /** Its name. */
  readonly name: string;
}

/** The bounds of durations in seconds. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/**
 * Metrics of a registry of their own, for Prometheus.
 *
 * @example
 * ```ts
 * import { prometheusMetrics } from "@events-pipeline/common/prometheus";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const metrics = prometheusMetrics();
 * metrics.counter({ name: "events_widgets_total", help: "Widgets so far", labels: ["color"] }).add(2, { color: "red" });
 * assertStringIncludes(await metrics.render(), 'events_widgets_total{color="red"} 2');
 * ```
 */
export function prometheusMetrics(): PrometheusMetrics {
  const registry = new prometheus.Registry();
  const callbacks: (() => void | Promise<void>)[] = [];
  const common = ({ name, help, labels = [] }: MetricSpec) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  });
  const measure = async (): Promise<void> => void await Promise.all(callbacks.map((callback) => callback()));
  return {
    counter(spec) {
      const counter = new prometheus.Counter(common(spec));
      return { add: (value, labels = {}) => counter.inc({ ...labels }, value) };
    },
    gauge(spec) {
      const gauge = new prometheus.Gauge(common(spec));
      return {
        set: (value, labels = {}) => gauge.set({ ...labels }, value),
        remove: (labels) => gauge.remove({ ...labels }),
      };
    },
    histogram(spec) {
      const histogram = new prometheus.Histogram({ ...common(spec), buckets: [...spec.buckets ?? SECONDS] });
      return { record: (value, labels = {}) => histogram.observe({ ...labels }, value) };
    },
    beforeRead(callback) {
      callbacks.push(callback);
    },
    async render() {
      await measure();
      return await registry.metrics();
    },
    contentType: registry.contentType,
    async snapshot() {
      await measure();
      return await registry.getMetricsAsJSON();
    },
  };
}

/**
 * The metrics of several processes as one text: what has the same name and labels is added up.
 *
 * @param snapshots what {@linkcode PrometheusMetrics.snapshot} gave in each
 *
 * @example
 * ```ts
 * import { prometheusMetrics, renderSnapshots } from "@events-pipeline/common/prometheus";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const processes = [prometheusMetrics(), prometheusMetrics()];
 * for (const metrics of processes) metrics.counter({ name: "events_widgets_total", help: "Widgets so far" }).add(2);
 * const snapshots = await Promise.all(processes.map((metrics) => metrics.snapshot()));
 * assertStringIncludes(await renderSnapshots(snapshots), "events_widgets_total 4");
 * ```
 */
export async function renderSnapshots(snapshots: readonly (readonly MetricSnapshot[])[]): Promise<string> {
  return await prometheus.AggregatorRegistry.aggregate([...snapshots]).metrics();
}
