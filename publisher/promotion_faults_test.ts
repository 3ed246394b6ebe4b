import { WidgetCreated } from "@events-pipeline/common/schemas";
import { silentLogger } from "@events-pipeline/common/logger";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { startPostgres } from "@events-pipeline/local";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assert, assertEquals } from "@std/assert";
import { SettledIds } from "./settled_ids.ts";
import { WakeUp } from "./wake_up.ts";

const widgets = (count: number) =>
  Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));

async function run(command: string, ...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args }).output();
  assert(success, `${command} ${args.join(" ")}`);
}

Deno.test("a publisher that has met its database as a replica that lags finds all that was sent, and listens, once that is promoted", async () => {
  // A replica's sequence is ahead of its rows: the log has it 32 ids at a time, and rows come with their commits.
  await using server = await startPostgres();
  await using pipeline = await testPipeline({ postgresUrl: server.url });
  const { sql, stream } = pipeline;
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) }));
  await pipeline.publish();
  const data = `${server.folder}/data`;
  const settings = `${data}/postgresql.auto.conf`;
  await server.stop();
  await run("cp", "-a", data, `${data}.before`);
  await server.start();
  await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(5) }));
  await server.stop();
  // The data of before, and the log of what came since.
  await run("cp", "-a", `${data}/pg_wal`, `${data}.before/`);
  await run("rm", "-r", data);
  await run("mv", `${data}.before`, data);
  await Deno.writeTextFile(settings, "recovery_min_apply_delay = '1h'\n");
  await Deno.writeTextFile(`${data}/standby.signal`, "");
  await server.start();
  const replica = connectPostgres(pipeline.databaseUrl, { applicationName: "test", connections: 1 });
  try {
    const ids = new SettledIds();
    const wakeUp = new WakeUp(replica, { settledIds: ids, logger: silentLogger, idleLimitMs: 15_000 });
    for (let tries = 0; tries < 2; tries++) await wakeUp.listen();
    assertEquals([wakeUp.listening, wakeUp.refused], [false, true]);
    ids.add(stream);
    for (let look = 0; look < 2; look++) await ids.refresh(replica);
    assertEquals(await wakeUp.poll(), []);
    assert(BigInt(ids.floorOf(stream)) > 5n);
    await Deno.writeTextFile(settings, "");
    await replica`SELECT pg_reload_conf()`;
    await until("the replica has the rows", async () => {
      return (await replica`SELECT FROM events.outbox_event WHERE published_at IS NULL`).length === 5;
    });
    await replica`SELECT pg_promote()`;
    assertEquals(await wakeUp.poll(), [stream]);
    assert(BigInt(ids.floorOf(stream)) <= 5n);
    await wakeUp.listen();
    assertEquals([wakeUp.listening, wakeUp.refused], [true, false]);
    await wakeUp.unlisten();
  } finally {
    await closePostgres(replica);
  }
});
