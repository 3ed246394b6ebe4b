/** Reads the files of `ops/` for tests. */
import { resolve } from "node:path";
import { parse } from "yaml";

/** The repository. */
export const ROOT: string = resolve(import.meta.dirname!, "../..");

/** A file of the repository, as text. */
export const read = (path: string): Promise<string> => Deno.readTextFile(resolve(ROOT, path));

/** A YAML file of the repository. */
// deno-lint-ignore no-explicit-any
export const readYaml = async (path: string): Promise<any> => parse(await read(path));

/** A JSON file of the repository. */
// deno-lint-ignore no-explicit-any
export const readJson = async (path: string): Promise<any> => JSON.parse(await read(path));

/** A metric, as `ops/METRICS.md` or a daemon tells it. */
export interface MetricRow {
  /** `counter`, `gauge` or `histogram`. */
  readonly type: string;
  /** The names of its labels, sorted. */
  readonly labels: string;
}

/** The metrics of the page, by name. */
export async function metricsPage(): Promise<Map<string, MetricRow>> {
  const rows = new Map<string, MetricRow>();
  for (const line of (await read("ops/METRICS.md")).split("\n")) {
    const [, name, type, unit, labels, question] = line.split("|").map((cell) => cell.trim());
    if (!name?.startsWith("`events_") || question === undefined) continue;
    if (!/^(counter|gauge|histogram)$/.test(type!) || !unit || !question) throw new Error(`Cannot read '${line}'`);
    rows.set(name.slice(1, -1), { type: type!, labels: labels!.replaceAll("`", "").split(", ").sort().join(", ") });
  }
  return rows;
}

/** The alerts of the rules file. */
export async function alerts(): Promise<{ alert: string; expr: string; annotations: Record<string, string> }[]> {
  return (await readYaml("ops/prometheus/rules.yml")).groups
    .flatMap(({ rules }: { rules: unknown[] }) => rules);
}

/** The files of the boards. */
export const BOARDS = ["infrastructure", "streams_and_consumers"].map((name) => `ops/grafana/dashboards/${name}.json`);

/** Every query of the boards and of their variables. */
export async function boardQueries(): Promise<string[]> {
  const queries: string[] = [];
  for (const file of BOARDS) {
    const board = await readJson(file);
    for (const { targets } of board.panels) for (const { expr } of targets) queries.push(expr);
    for (const { query } of board.templating.list) queries.push(query.query);
  }
  return queries;
}
