import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type DaemonProcess, startDaemon } from "@events-pipeline/local/daemon_process";
import { freePort } from "@events-pipeline/local/free_port";
import { startPrometheus } from "@events-pipeline/local/prometheus";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { alerts, boardQueries, metricsPage, read } from "./testdata/ops_files.ts";

/** What only the consumers' supervisor makes, or a consumer with a canary. */
const NOT_ALWAYS = /^events_(?:consumer_process|canary)_/;

Deno.test("Prometheus scrapes the daemons: each metric of the page, each query of the boards and rules, and as many series however many events", async () => {
  await using pipeline = await testPipeline();
  await using cleanUp = new AsyncDisposableStack();
  const { sql, stream } = pipeline;
  const archive = await Deno.makeTempDir();
  cleanUp.defer(() => Deno.remove(archive, { recursive: true }));
  const ports = { publisher: freePort(), archive: freePort(), consume: freePort() };
  const daemons: DaemonProcess[] = [];
  cleanUp.defer(async () => {
    for (const daemon of daemons) daemon.kill("SIGTERM");
    assertEquals(await Promise.all(daemons.map(({ ended }) => ended)), daemons.map(() => 0));
  });
  for (const [task, port] of Object.entries(ports)) {
    daemons.push(
      await startDaemon(task, {
        args: task === "consume" ? ["--handlers", "ops/testdata/handlers.ts"] : [],
        environment: {
          ...{ DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl, TEST_STREAM: stream },
          ...{ ARCHIVE_URL: `file://${archive}`, ARCHIVE_STREAM_LIMITS: `${stream}=age:0.1` },
          ...{ MONITOR_ADDRESS: String(port), LOG_LEVEL: "warn" },
        },
        onFailure: console.error,
      }),
    );
  }
  const config = (await read("ops/prometheus/prometheus.yml"))
    .replaceAll("15s", "200ms")
    .replace("127.0.0.1:9464", `127.0.0.1:${ports.publisher}`)
    .replace("127.0.0.1:9465", `127.0.0.1:${ports.archive}`)
    .replace("127.0.0.1:9466", `127.0.0.1:${ports.consume}`);
  const rules = await read("ops/prometheus/rules.yml");
  const server = cleanUp.use(await startPrometheus({ "prometheus.yml": config, "rules.yml": rules }));
  const ask = async (path: string, query: Record<string, string> = {}) =>
    await (await fetch(`${server.url}/api/v1/${path}?${new URLSearchParams(query)}`)).json();
  const value = async (query: string): Promise<number> =>
    Number((await ask("query", { query })).data?.result[0]?.value[1] ?? NaN);
  const send = (owner: string, count: number) =>
    sql.begin((tx) =>
      sendEvents(tx, {
        stream,
        events: Array.from(
          { length: count },
          () => WidgetCreated.create({ widget_id: crypto.randomUUID(), owner_id: owner }),
        ),
      })
    );
  const series = async (): Promise<string[]> => {
    // Time makes the others: who holds the trim floor, and what errors there have been.
    const { data } = await ask("series", { "match[]": '{__name__=~"events_.+",held_by="",kind=""}' });
    return (data as Record<string, string>[]).map((labels) => JSON.stringify(Object.entries(labels).sort())).sort();
  };
  const reached = (metric: string, count: number) =>
    until(`${metric} is ${count}`, async () => await value(`sum(${metric})`) === count, 60_000);

  await until("all are up", async () => await value('sum(up{job=~"events-.+"})') === 3, 60_000);
  await send("nobody", 1);
  await reached("events_dead_lettered_total", 1);
  await send("o", 4);
  await reached("events_handled_total", 4);
  await reached("events_archived_total", 5);
  await until("the consumer's lag is told", async () => await value("sum(events_consumer_lag_events)") === 0);
  await until("the alert on dead letters fires", async () => {
    const { data } = await ask("alerts");
    return data.alerts.some(({ labels }: { labels: Record<string, string> }) =>
      labels["alertname"] === "EventsDeadLetters"
    );
  });

  const { data: known } = await ask("metadata", {});
  const served = Object.keys(known).filter((name) => name.startsWith("events_")).sort();
  const page = [...(await metricsPage()).entries()].filter(([name]) => !NOT_ALWAYS.test(name));
  assertEquals(served, page.map(([name]) => name).sort());
  for (const [name, { type }] of page) assertEquals(known[name][0].type, type);
  const labels = new Set((await ask("labels", { "match[]": '{__name__=~"events_.+"}' })).data);
  for (const name of ["__name__", "instance", "job", "le"]) labels.delete(name);
  assertEquals([...labels.difference(new Set(["stream", "consumer", "kind", "held_by"]))], []);
  const { data: { groups } } = await ask("rules");
  const loaded = groups.flatMap((group: { rules: { name: string; health: string }[] }) => group.rules);
  assertEquals(loaded.length, (await alerts()).length);
  for (const { name, health } of loaded) assertEquals([name, health], [name, "ok"]);
  for (const query of await boardQueries()) {
    const expr = query.startsWith("label_values(")
      ? query.slice("label_values(".length, query.lastIndexOf(","))
      : query;
    const { status, error } = await ask("query", { query: expr.replaceAll(/\$(stream|consumer)/g, ".*") });
    assertEquals([status, error], ["success", undefined], query);
  }

  const before = await series();
  await send("another", 200);
  await reached("events_archived_total", 205);
  await reached("events_handled_total", 204);
  assertEquals(await series(), before);
});
