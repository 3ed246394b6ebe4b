import { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { startPostgres, startRedis } from "@events-pipeline/local";
import { runTask } from "@events-pipeline/local/daemon_process";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvent, sendEvents } from "@events-pipeline/producer";
import { createWidgetTables } from "@events-pipeline/example-widgets";
import { assertEquals, assertMatch } from "@std/assert";
import postgres, { type Sql } from "postgres";
import { roleNames } from "./roles.ts";

/** What each role may do; whatever is listed for another and not for it must be refused. */
const RIGHTS: Readonly<Record<string, readonly string[]>> = {
  "INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload) VALUES (gen_random_uuid(), 's', 'T', '{}')":
    [
      "events_producer",
    ],
  "SELECT events.send_event('stream:a:events', 'T', '{}')": ["events_producer"],
  "INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, published_at) VALUES (gen_random_uuid(), 's', 'T', '{}', now())":
    [],
  "SELECT payload, metadata FROM events.outbox_event": [
    "events_publisher",
    "events_consumer",
    "events_archiver",
    "events_console",
  ],
  "SELECT event_type, published_at FROM events.outbox_event": [
    "events_publisher",
    "events_consumer",
    "events_archiver",
    "events_observer",
    "events_console",
  ],
  "UPDATE events.outbox_event SET published_at = now()": ["events_publisher"],
  "UPDATE events.outbox_event SET payload = '{}'": [],
  "DELETE FROM events.outbox_event WHERE false": ["events_publisher"],
  "TRUNCATE events.outbox_event": [],
  "SELECT checkpoint FROM events.stream_lease": [
    "events_publisher",
    "events_consumer",
    "events_archiver",
    "events_observer",
    "events_console",
  ],
  "UPDATE events.stream_lease SET checkpoint = '0-0' WHERE false": [
    "events_publisher",
    "events_consumer",
    "events_archiver",
    "events_console",
  ],
  "DELETE FROM events.stream_lease WHERE false": [],
  "INSERT INTO events.processed_event (consumer_name, event_id) VALUES ('c', gen_random_uuid())": ["events_consumer"],
  "SELECT payload FROM events.dead_letter": ["events_consumer", "events_console"],
  "SELECT reason, attempts FROM events.dead_letter": ["events_consumer", "events_observer", "events_console"],
  "UPDATE events.stream_retention SET cleaned_to = 0 WHERE false": ["events_publisher"],
  "SELECT * FROM events.stream_loss": ["events_publisher", "events_archiver", "events_observer", "events_console"],
  "INSERT INTO events.console_action (actor, action, target) VALUES ('a', 'b', '{}')": ["events_console"],
  "UPDATE events.console_action SET actor = 'c'": [],
  "DELETE FROM events.console_action": [],
  "SELECT target FROM events.console_action": ["events_console"],
  "CREATE TABLE events.mine (id int)": [],
  "ALTER TABLE events.outbox_event DISABLE TRIGGER wake_publisher": [],
};

/** A login of its own for each role, as a team makes them. @returns the URLs by role */
async function createLogins(sql: Sql, databaseUrl: string): Promise<Record<string, string>> {
  const urls: Record<string, string> = {};
  for (const role of roleNames) {
    const password = crypto.randomUUID().replaceAll("-", "");
    await sql.unsafe(`CREATE ROLE my_${role} LOGIN PASSWORD '${password}' IN ROLE ${role}`);
    const url = new URL(databaseUrl);
    url.username = `my_${role}`;
    url.password = password;
    urls[role] = url.href;
  }
  return urls;
}

class Undo extends Error {}

/** PostgreSQL's code of the refusal, or "allowed". */
async function attempt(sql: Sql, statement: string): Promise<string> {
  try {
    await sql.begin(async (tx) => {
      await tx.unsafe(statement);
      throw new Undo();
    });
    return "never";
  } catch (error) {
    return error instanceof Undo ? "allowed" : String((error as { code?: string }).code);
  }
}

Deno.test("migrate --roles gives each role what its program needs, and no more", async () => {
  await using server = await startPostgres({ settings: { fsync: "off" } });
  await using redis = await startRedis({ persistence: "none" });
  await using pipeline = await testPipeline({ postgresUrl: server.url, redisUrl: redis.url });
  const { sql, databaseUrl } = pipeline;
  const migrateRoles = () => runTask("migrate", { args: ["--roles"], environment: { DATABASE_URL: databaseUrl } });
  for (
    const { code, stdout, stderr } of [...await Promise.all([migrateRoles(), migrateRoles()]), await migrateRoles()]
  ) {
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /roles events_producer, events_publisher, /);
  }
  const urls = await createLogins(sql, databaseUrl);

  for (const role of roleNames) {
    const own = postgres(urls[role]!, { max: 1, onnotice() {} });
    for (const [statement, allowed] of Object.entries(RIGHTS)) {
      const expected = allowed.includes(role) ? "allowed" : "42501";
      assertEquals(await attempt(own, statement), expected, `${role}: ${statement}`);
    }
    await own.end({ timeout: 5 });
  }
  // A table that nobody was thought of for would be one that some program cannot read.
  const forgotten = await sql`
    SELECT relname FROM pg_class WHERE relnamespace = 'events'::regnamespace AND relkind = 'r'
      AND NOT has_any_column_privilege('events_observer', oid, 'SELECT')`;
  assertEquals([...forgotten], []);

  // The real programs, each under its own role.
  await createWidgetTables(sql);
  await sql`GRANT USAGE ON SCHEMA widgets TO events_consumer`;
  await sql`GRANT INSERT ON widgets.notification TO events_consumer`;
  const events = ["w1", "w2"].map((widget_id) => WidgetCreated.create({ widget_id, owner_id: "o" }));
  const producer = postgres(urls["events_producer"]!, { max: 1, onnotice() {} });
  await producer.begin((tx) => sendEvent(tx, { stream: StreamName.WIDGETS, event: events[0]! }));
  await producer.begin((tx) => sendEvents(tx, { stream: StreamName.WIDGETS, events }));
  await producer`SELECT events.send_event(${StreamName.WIDGETS}, 'WidgetCreated', '{"widget_id":"w","owner_id":"o"}')`;
  await producer.end({ timeout: 5 });
  const folder = await Deno.makeTempDir();
  const run = async (task: string, role: string, args: readonly string[]): Promise<string> => {
    const environment = { DATABASE_URL: urls[role]!, REDIS_URL: redis.url, ARCHIVE_URL: `file://${folder}` };
    const { code, stdout, stderr } = await runTask(task, { args, environment });
    assertEquals(code, 0, `${task}: ${stdout}${stderr}`);
    assertEquals(/permission denied/.test(stdout + stderr), false, `${task}: ${stdout}${stderr}`);
    return stdout;
  };
  await run("publisher", "events_publisher", ["--once"]);
  await run("consume", "events_consumer", ["--once", "--handlers", "examples/widgets/handlers.ts"]);
  await run("archive", "events_archiver", ["--once"]);
  await run("consumers", "events_observer", ["list"]);
  assertMatch(await run("status", "events_observer", []), /Nothing is stalled/);
  const [sent] = await sql`SELECT event_id FROM events.outbox_event LIMIT 1`;
  assertMatch(await run("trace", "events_observer", [sent!["event_id"]]), /\narchived /);
  assertEquals((await sql`SELECT FROM widgets.notification`).length, 4);
  const [archived] = await sql`SELECT checkpoint FROM events.stream_lease WHERE role = 'archiver'`;
  assertMatch(archived!["checkpoint"], /-4$/);
  await Deno.remove(folder, { recursive: true });
});
