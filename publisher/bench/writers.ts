import { createWidgetTables } from "@events-pipeline/example-widgets";
import { type BenchReport, quantile } from "../../local/bench_report.ts";
import { startDaemon } from "../../local/daemon_process.ts";
import { until } from "../../local/until.ts";
import { type BenchServers, benchServers, clearAll } from "../../local/bench_servers.ts";
import { outboxRow, pgbench } from "./pgbench.ts";

const DOMAIN_ROW = "INSERT INTO widgets.widget (widget_id, owner_id) VALUES (gen_random_uuid()::text, 'o');";
const ALONE = `BEGIN;\n${DOMAIN_ROW}\nCOMMIT;\n`;
const WITH_EVENT = `BEGIN;\n${DOMAIN_ROW}\n${outboxRow("widgets")}\nCOMMIT;\n`;

/** Each variant is measured so often, in alternation with the others, and the median counts. */
const TURNS = 3;

const SECONDS = 4;

/** What the outbox row costs 32 writers without readers, by way of waking up; and 16 writers with the whole pipeline at work. */
export async function benchWriters(report: BenchReport): Promise<void> {
  await using servers = await benchServers();
  await createWidgetTables(servers.sql);
  await compareWakeUps(report, servers);
  await compareWithPipeline(report, servers);
}

async function compareWakeUps(report: BenchReport, servers: BenchServers): Promise<void> {
  const { sql } = servers;
  await sql`
    CREATE OR REPLACE FUNCTION events.bench_notify() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_notify(''events_outbox'', NEW.stream_name); RETURN NULL; END'`;
  const variants: readonly [string, () => Promise<unknown>][] = [
    ["no notification", () => sql`ALTER TABLE events.outbox_event DISABLE TRIGGER wake_publisher`],
    ["gated wake-up", () => sql`ALTER TABLE events.outbox_event ENABLE TRIGGER wake_publisher`],
    ["NOTIFY for each row", async () => {
      await sql`ALTER TABLE events.outbox_event DISABLE TRIGGER wake_publisher`;
      await sql`CREATE TRIGGER bench_notify AFTER INSERT ON events.outbox_event
                FOR EACH ROW EXECUTE FUNCTION events.bench_notify()`;
    }],
  ];
  const rates = await alternate(variants.map(([name, set]) =>
    [name, async () => {
      await clearAll(servers);
      await sql`DROP TRIGGER IF EXISTS bench_notify ON events.outbox_event`;
      await set();
      return await pgbench(Deno.env.get("DATABASE_URL")!, { script: WITH_EVENT, clients: 32, seconds: SECONDS });
    }] as const
  ));
  await sql`DROP TRIGGER IF EXISTS bench_notify ON events.outbox_event`;
  await sql`ALTER TABLE events.outbox_event ENABLE TRIGGER wake_publisher`;
  for (const [name, rate] of rates) report.add(`32 writers, ${name}`, rate, "commits/s");
  const bare = rates.get("no notification")!;
  report.add("gated wake-up / no notification", rates.get("gated wake-up")! / bare, "", ">= 0.8");
  report.add("NOTIFY for each row / no notification", rates.get("NOTIFY for each row")! / bare, "");
}

async function compareWithPipeline(report: BenchReport, servers: BenchServers): Promise<void> {
  const { sql } = servers;
  const url = Deno.env.get("DATABASE_URL")!;
  const environment = { DATABASE_URL: url, REDIS_URL: Deno.env.get("REDIS_URL")! };
  const withPipeline = async (handlers: string): Promise<number> => {
    await clearAll(servers);
    const daemons = [
      await startDaemon("publisher", { environment }),
      await startDaemon("consume", { environment, args: ["--handlers", handlers] }),
    ];
    try {
      await until(
        "the consumer has its lease",
        async () => (await sql`SELECT FROM events.stream_lease WHERE owner_id IS NOT NULL`).length > 0,
      );
      return await pgbench(url, { script: WITH_EVENT, clients: 16, seconds: SECONDS });
    } finally {
      for (const daemon of daemons) daemon.kill("SIGTERM");
      await Promise.all(daemons.map((daemon) => daemon.ended));
    }
  };
  const rates = await alternate([
    ["domain row alone", async () => {
      await clearAll(servers);
      return await pgbench(url, { script: ALONE, clients: 16, seconds: SECONDS });
    }],
    ["domain row + event, pipeline with an ordinary handler", () => withPipeline("examples/widgets/handlers.ts")],
    ["domain row + event, pipeline with handleBatch", () => withPipeline("publisher/bench/bulk_handlers.ts")],
  ]);
  for (const [name, rate] of rates) report.add(`16 writers, ${name}`, rate, "commits/s");
  const [alone, ordinary, bulk] = [...rates.values()];
  report.add("event and pipeline with an ordinary handler / domain row alone", ordinary! / alone!, "", ">= 0.5");
  report.add("event and pipeline with handleBatch / domain row alone", bulk! / alone!, "", ">= 0.5");
}

async function alternate(
  variants: readonly (readonly [name: string, measure: () => Promise<number>])[],
): Promise<Map<string, number>> {
  const rates = new Map<string, number[]>(variants.map(([name]) => [name, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, measure] of variants) rates.get(name)!.push(await measure());
  }
  return new Map([...rates].map(([name, values]) => [name, quantile(values, 0.5)]));
}
