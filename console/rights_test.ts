import { openStore } from "@events-pipeline/archiver";
import { createRoles } from "@events-pipeline/cli/roles";
import { loadEvents } from "@events-pipeline/cli/schemas/load_schemas";
import type { Logger } from "@events-pipeline/common/logger";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { startPostgres, startRedis } from "@events-pipeline/local";
import { createRedisUser, refusals } from "@events-pipeline/local/redis_users";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assert, assertEquals } from "@std/assert";
import { pathToFileURL } from "node:url";
import { Access, maskOf, startConsole } from "./mod.ts";

Deno.test("the console opens every page and does each action with the rights that cli/ROLES.md names", async () => {
  await using cleanUp = new AsyncDisposableStack();
  const server = cleanUp.use(await startPostgres({ settings: { fsync: "off" } }));
  const redisServer = cleanUp.use(await startRedis({ persistence: "none" }));
  const pipeline = cleanUp.use(await testPipeline({ postgresUrl: server.url, redisUrl: redisServer.url }));
  const { stream } = pipeline;
  await pipeline.sql`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
    SELECT gen_random_uuid(), ${stream}, 'NoteTaken', '{}' FROM generate_series(1, 3)`;
  await pipeline.publish();
  await pipeline.sql`
    INSERT INTO events.stream_lease (stream_name, role) VALUES (${stream}, 'consumer:mailer'), (${stream}, 'archiver')`;
  await pipeline.sql`
    INSERT INTO events.dead_letter (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at,
      metadata, payload, reason, error, attempts)
    SELECT 'mailer', stream_name, stream_position, stream_entry_id, event_id, event_type, created_at, '{}', '{}', 'attempts', 'Failed', 1
    FROM events.outbox_event`;
  await createRoles(pipeline.sql);
  await pipeline.sql.unsafe("CREATE ROLE my_console LOGIN PASSWORD 'secret' IN ROLE events_console");
  const own = new URL(pipeline.databaseUrl);
  [own.username, own.password] = ["my_console", "secret"];
  const sql = connectPostgres(own.href, { applicationName: "console" });
  cleanUp.defer(() => closePostgres(sql));
  const redisUrl = await createRedisUser(redisServer.url, { name: "console", document: "cli/ROLES.md" });
  const redis = connectRedis(redisUrl, { clientName: "console" });
  cleanUp.defer(() => redis.close());
  const folder = await Deno.makeTempDir();
  cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
  const store = await openStore(pathToFileURL(folder).href);
  cleanUp.defer(() => store.close());
  const warnings: string[] = [];
  const logger: Logger = {
    ...{ debug() {}, info() {}, warn: (text, fields) => void warnings.push(`${text} ${JSON.stringify(fields)}`) },
    error: (text, fields) => void warnings.push(`${text} ${JSON.stringify(fields)}`),
  };
  const { url } = cleanUp.use(startConsole({ host: "127.0.0.1", port: 0 }, {
    ...{ sql, outbox: sql, redis, store, logger, events: await loadEvents(undefined), stalledSeconds: 60 },
    ...{ access: new Access({}), allowActions: true, mask: maskOf([]) },
  }));

  const [event] = await pipeline.sql<{ id: string }[]>`SELECT event_id AS id FROM events.outbox_event LIMIT 1`;
  const open = async (path: string): Promise<string> => {
    const response = await fetch(url + path);
    const text = await response.text();
    assertEquals(response.status, 200, `${path}: ${text}`);
    assert(!/role="alert"/.test(text), `${path}: ${text}`);
    return text;
  };
  const name = encodeURIComponent(stream);
  const paths = [
    ...["/", "/streams", "/consumers", "/dead-letters", "/dead-letters/1", `/events?stream=${name}&type=NoteTaken`],
    ...[
      `/events/${event!.id}`,
      "/schemas",
      "/schemas/WidgetCreated",
      "/archive",
      `/archive?stream=${name}`,
      "/actions",
    ],
  ];
  for (const path of paths) await open(path);
  const memory = /data-title="Memory"[^>]*>\s*<div>([^<]*)/.exec(await open("/streams"))?.[1];
  assert(/ (B|KiB)$/.test(memory ?? ""), `${memory}`);

  const csrf = /name="csrf" value="([^"]+)"/.exec(await open("/consumers"))![1]!;
  const consumer = { consumer: "mailer", stream };
  const sure = { confirm: "yes" };
  const actions: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ["/consumers/pause", consumer],
    ["/consumers/resume", consumer],
    ["/consumers/reset", { ...consumer, ...sure, to: new Date(0).toISOString() }],
    ["/consumers/reset", { ...consumer, ...sure, to: "beginning" }],
    ["/dead-letters/redrive", { which: "all" }],
    ["/dead-letters/drop", { id: "1", ...sure }],
  ];
  for (const [path, fields] of actions) {
    if (path === "/dead-letters/redrive") {
      await pipeline.sql`
        INSERT INTO events.dead_letter (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at,
          metadata, payload, reason, error, attempts)
        SELECT 'mailer', stream_name, stream_position, stream_entry_id, event_id, event_type, created_at, '{}', '{}', 'attempts', 'Failed', 1
        FROM events.outbox_event`;
    }
    const body = new URLSearchParams({ csrf, ...fields });
    const response = await fetch(url + path, { method: "POST", body, redirect: "manual" });
    const text = await response.text();
    assertEquals(response.status, 303, `${path}: ${text}`);
    await open(response.headers.get("location")!);
  }
  await open("/actions");
  const [recorded] = await pipeline.sql`
    SELECT count(*)::int AS n, bool_and(outcome = 'done') AS done FROM events.console_action`;
  assertEquals({ ...recorded }, { n: actions.length, done: true });
  assertEquals(warnings, []);
  assertEquals(await refusals(redisServer.url), []);
});
