import { prometheusFolder } from "@events-pipeline/local/prometheus";
import { assert, assertEquals } from "@std/assert";
import { alerts, boardQueries, metricsPage, read, readJson, readYaml, ROOT } from "./testdata/ops_files.ts";

async function promtool(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(`${await prometheusFolder()}/promtool`, {
    args,
    cwd: `${ROOT}/ops/prometheus`,
  }).output();
  const output = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, output);
  return output;
}

Deno.test("promtool takes rules and configuration, and each alert fires on its scenario and not on a healthy one", async () => {
  await promtool("check", "rules", "rules.yml");
  await promtool("check", "config", "prometheus.yml");
  await promtool("test", "rules", "rules_test.yml", "rules_day_test.yml");
  const files = await Promise.all(["rules", "rules_day"].map((name) => readYaml(`ops/prometheus/${name}_test.yml`)));
  const tests = files.flatMap(({ tests }) => tests);
  type Scenario = { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] };
  const scenarios = (tests as Scenario[]).flatMap((test) => test.alert_rule_test);
  for (const { alert } of await alerts()) {
    const own = scenarios.filter(({ alertname }) => alertname === alert);
    assert(own.some(({ exp_alerts }) => exp_alerts.length > 0), `${alert} fires in no scenario`);
    assert(own.some(({ exp_alerts }) => exp_alerts.length === 0), `${alert} is silent in no scenario`);
  }
});

Deno.test("each alert has a runbook and a Datadog monitor that links it, and no runbook is left over", async () => {
  const names = (await alerts()).map(({ alert }) => alert).sort();
  const runbooks = (await Array.fromAsync(Deno.readDir(`${ROOT}/ops/runbooks`))).map(({ name }) => name).sort();
  assertEquals(runbooks, names.map((name) => `${name}.md`));
  for (const { alert, annotations } of await alerts()) {
    assertEquals(annotations["runbook_url"], `ops/runbooks/${alert}.md`);
  }
  const { monitors } = await readJson("ops/datadog/monitors.json");
  assertEquals(monitors.map(({ name }: { name: string }) => name).sort(), names);
  for (const { name, message } of monitors) assert(message.endsWith(`Runbook: ops/runbooks/${name}.md`), name);
});

Deno.test("runbooks have all their parts, and name tasks, alerts, settings and metrics that exist", async () => {
  const { tasks } = JSON.parse(await read("deno.json"));
  const metrics = await metricsPage();
  const names = new Set((await alerts()).map(({ alert }) => alert));
  const settings =
    (await Promise.all(["publisher", "consumer", "archiver"].map((daemon) => read(`${daemon}/config.ts`)))).join();
  for (const name of names) {
    const text = await read(`ops/runbooks/${name}.md`);
    for (const part of [`# ${name}`, "## Meaning", "## First look", "## Causes", "## What to do"]) {
      assert(text.includes(`${part}\n`), `${name} lacks '${part}'`);
    }
    for (const [, task] of text.matchAll(/deno task ([\w:-]+)/g)) {
      assert(task! in tasks, `${name} names the task ${task}`);
    }
    for (const [other] of text.matchAll(/\bEvents[A-Z]\w+/g)) assert(names.has(other), `${name} names ${other}`);
    for (const [metric] of text.matchAll(/\bevents_\w+/g)) assert(metrics.has(metric), `${name} names ${metric}`);
    for (const [setting] of text.matchAll(/\bPUBLISHER_\w+/g)) {
      assert(settings.includes(setting), `${name}: ${setting}`);
    }
  }
});

Deno.test("every query of a board, a rule or a Datadog monitor names metrics that exist, with labels that they have", async () => {
  const metrics = await metricsPage();
  const known = new Set<string>();
  for (const [name, { type }] of metrics) {
    if (type === "histogram") { for (const end of ["bucket", "sum", "count"]) known.add(`${name}_${end}`); }
    else known.add(name);
  }
  const queries = [...await boardQueries(), ...(await alerts()).map(({ expr }) => expr)];
  assert(queries.length > 40);
  for (const query of queries) {
    const named = [...query.matchAll(/\bevents_\w+/g)].map(([name]) => name);
    assert(named.length > 0 || /\bup\{/.test(query), `'${query}' names no metric`);
    for (const name of named) assert(known.has(name), `'${query}' names ${name}`);
    for (const [, name, matchers] of query.matchAll(/\b(events_\w+)\{([^}]*)\}/g)) {
      const { labels } = metrics.get(name!.replace(/_(bucket|sum|count)$/, ""))!;
      for (const [, label] of matchers!.matchAll(/(\w+)[=!]/g)) {
        assert(labels.split(", ").includes(label!), `${name} has no label ${label}`);
      }
    }
  }
  const shown = (await boardQueries()).join("\n");
  for (const name of metrics.keys()) {
    assert(new RegExp(`\\b${name}(_bucket)?\\b`).test(shown), `No board shows ${name}`);
  }

  for (const { name, type, query } of (await readJson("ops/datadog/monitors.json")).monitors) {
    if (type === "service check") {
      assert(query.startsWith('"events_pipeline.openmetrics.health".over("daemon:publisher")'));
      continue;
    }
    const named = [...query.matchAll(/events_pipeline\.(events_\w+)(\.count)?/g)];
    assert(named.length > 0, `${name} names no metric`);
    for (const [, metric, count] of named) {
      const row = metrics.get(count ? `${metric}_total` : metric);
      assertEquals(row?.type, count ? "counter" : "gauge", `${name} names ${metric}`);
      const by = /by \{([^}]*)\}/.exec(query)?.[1]?.split(",") ?? [];
      for (const label of by) assert(row!.labels.split(", ").includes(label), `${name}: ${metric} has no ${label}`);
    }
  }
});
