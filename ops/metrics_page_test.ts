import { Health } from "@events-pipeline/common/health";
import { silentLogger as logger } from "@events-pipeline/common/logger";
import { type Metrics, type MetricSpec, noMetrics } from "@events-pipeline/common/metrics";
import { prometheusMetrics } from "@events-pipeline/common/prometheus";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assertEquals } from "@std/assert";
import { ArchiverMetrics } from "../archiver/archiver_metrics.ts";
import { canaryMetrics } from "../consumer/canary/canary_metrics.ts";
import { consumerMetrics } from "../consumer/consumer_metrics.ts";
import { Supervisor } from "../consumer/isolation/supervisor.ts";
import { runHousekeeping } from "../publisher/housekeeping.ts";
import { MemoryPressure } from "../publisher/memory_pressure.ts";
import { errorKind, publisherMetrics } from "../publisher/publisher_metrics.ts";
import { type MetricRow, metricsPage, readYaml } from "./testdata/ops_files.ts";

Deno.test("ops/METRICS.md and Datadog's check list each metric that the daemons make, with its type and labels, and no other", async () => {
  const made = new Map<string, MetricRow>();
  const take = (type: string) => ({ name, labels = [] }: MetricSpec): void =>
    void made.set(name, { type, labels: [...labels].sort().join(", ") });
  const metrics: Metrics = {
    ...noMetrics,
    counter: (spec) => (take("counter")(spec), noMetrics.counter(spec)),
    gauge: (spec) => (take("gauge")(spec), noMetrics.gauge(spec)),
    histogram: (spec) => (take("histogram")(spec), noMetrics.histogram(spec)),
  };
  publisherMetrics(metrics);
  consumerMetrics(metrics);
  canaryMetrics(metrics);
  new ArchiverMetrics(metrics);
  const signal = AbortSignal.abort();
  const health = new Health();
  await using pipeline = await testPipeline();
  const { sql, redis } = pipeline;
  await runHousekeeping({
    ...{ sql, redis, readerDatabases: [], metrics, health, logger, signal, pressure: new MemoryPressure() },
  });
  new Supervisor([], {
    call: () => {
      throw new Error("Nothing is started");
    },
    ...{ logger, health, stop: signal, cancel: signal, stopMs: 1, once: true },
    metrics: { ...prometheusMetrics(), ...metrics },
  });
  const sorted = (rows: Iterable<[string, MetricRow]>) => [...rows].sort(([a], [b]) => a < b ? -1 : 1);
  const page = sorted(await metricsPage());
  assertEquals(page, sorted(made));

  const { instances } = await readYaml("ops/datadog/openmetrics.yaml");
  const listed = instances.flatMap((instance: { metrics: string[] }) => instance.metrics).sort();
  // The check knows a counter without its _total.
  assertEquals(listed, page.map(([name, { type }]) => type === "counter" ? name.replace(/_total$/, "") : name).sort());
});

Deno.test("errorKind() takes nothing from an error's message but Redis's code, so that the label kind stays bounded", () => {
  const kinds = new Set<string>();
  for (let i = 0; i < 100; i++) {
    kinds.add(errorKind(new Error(`READONLY Cannot write entry ${crypto.randomUUID()}`)));
    kinds.add(errorKind(new TypeError(`Cannot read event ${crypto.randomUUID()}`)));
    kinds.add(errorKind(Object.assign(new Error(`Row ${i} is locked`), { code: "55P03" })));
    kinds.add(errorKind(`text ${i}`));
  }
  assertEquals([...kinds].sort(), ["55P03", "READONLY", "TypeError", "unknown"]);
});
