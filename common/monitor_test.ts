import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Health } from "./health.ts";
import { silentLogger as logger } from "./logger.ts";
import { startMonitor } from "./monitor.ts";
import { prometheusMetrics } from "./prometheus.ts";

const address = { host: "127.0.0.1", port: 0 };

async function get(url: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url);
  return { status: response.status, text: await response.text() };
}

Deno.test("startMonitor() tells what is wrong, and recovers", async () => {
  const health = new Health();
  await using monitor = await startMonitor({ address, health, metrics: prometheusMetrics(), logger });
  assertEquals(await get(`${monitor.url}/health/ready`), { status: 200, text: '{"ready":true,"faults":{}}\n' });
  let stalled = true;
  health.watch("loop", () => stalled ? "stalled" : undefined);
  health.fail("stream", "full");
  assertEquals(await get(`${monitor.url}/health/ready`), {
    status: 503,
    text: '{"ready":false,"faults":{"stream":"full","loop":"stalled"}}\n',
  });
  assertEquals((await get(`${monitor.url}/health/live`)).status, 200);
  stalled = false;
  health.recover("stream");
  assertEquals((await get(`${monitor.url}/health/ready`)).status, 200);
  assertEquals((await get(`${monitor.url}/`)).status, 404);
});

Deno.test("startMonitor() serves metrics, read when asked for", async () => {
  const metrics = prometheusMetrics();
  const gauge = metrics.gauge({ name: "events_backlog_rows", help: "Rows that wait", labels: ["stream"] });
  let rows = 1;
  metrics.beforeRead(() => gauge.set(rows, { stream: "a" }));
  await using monitor = await startMonitor({ address, health: new Health(), metrics, logger });
  assertStringIncludes((await get(`${monitor.url}/metrics`)).text, 'events_backlog_rows{stream="a"} 1\n');
  rows = 2;
  assertStringIncludes((await get(`${monitor.url}/metrics`)).text, 'events_backlog_rows{stream="a"} 2\n');
});

Deno.test("startMonitor() refuses an address that is taken", async () => {
  const options = { health: new Health(), metrics: prometheusMetrics(), logger };
  await using monitor = await startMonitor({ ...options, address });
  const port = Number(new URL(monitor.url).port);
  await assertRejects(() => startMonitor({ ...options, address: { ...address, port } }), Error, "Cannot listen on");
});
