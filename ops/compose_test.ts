import { assert, assertEquals } from "@std/assert";
import { resolve } from "node:path";
import { BOARDS, readJson, readYaml, ROOT } from "./testdata/ops_files.ts";

Deno.test("docker-compose.yml starts Prometheus and Grafana with the profile observability only, on loopback, with files that exist", async () => {
  const { services, volumes } = await readYaml("docker-compose.yml");
  const mounted = new Map<string, string>();
  const profiled = Object.keys(services).filter((name) => services[name].profiles !== undefined);
  assertEquals(profiled.sort(), ["grafana", "prometheus"]);
  for (const name of profiled) {
    const service = services[name];
    assertEquals([service.profiles, service.network_mode, service.ports], [["observability"], "host", undefined]);
    for (const volume of service.volumes as string[]) {
      const [source, target, mode] = volume.split(":");
      if (!source!.startsWith("./")) {
        assert(source! in volumes, source);
        continue;
      }
      assertEquals(mode, "ro");
      assert((await Deno.stat(resolve(ROOT, source!))).isDirectory);
      mounted.set(target!, source!.slice(2));
    }
  }
  const listens = services.prometheus.command.find((word: string) => word.startsWith("--web.listen-address="));
  assert(listens.startsWith("--web.listen-address=127.0.0.1:"));
  const { environment } = services.grafana;
  assertEquals(environment.GF_SERVER_HTTP_ADDR, "127.0.0.1");
  for (const name of ["postgres", "redis", "s3"]) {
    for (const port of services[name].ports) assert(port.startsWith("127.0.0.1:"), port);
  }

  const within = (path: string): string => {
    for (const [target, source] of mounted) if (path.startsWith(target)) return source + path.slice(target.length);
    throw new Error(`Nothing is mounted at ${path}`);
  };
  const config = services.prometheus.command.find((word: string) => word.startsWith("--config.file=")).split("=")[1];
  for (const rules of (await readYaml(within(config))).rule_files) {
    await readYaml(within(resolve(config, "..", rules)));
  }
  const provisioning = "/etc/grafana/provisioning";
  const { providers } = await readYaml(within(`${provisioning}/dashboards/events.yml`));
  const folder = within(providers[0].options.path);
  const boards = (await Array.fromAsync(Deno.readDir(resolve(ROOT, folder)))).map(({ name }) => `${folder}/${name}`);
  assertEquals(boards.sort(), [...BOARDS].sort());
  const { datasources: [datasource] } = await readYaml(within(`${provisioning}/datasources/prometheus.yml`));
  assert("PROMETHEUS_PORT" in environment && datasource.url.includes("${PROMETHEUS_PORT}"));
  for (const file of BOARDS) {
    const board = await readJson(file);
    const ids = board.panels.map(({ id }: { id: number }) => id);
    assertEquals(new Set(ids).size, ids.length);
    for (const panel of board.panels) {
      for (const { datasource: { uid } } of [panel, ...panel.targets]) assertEquals(uid, datasource.uid);
    }
  }
});
