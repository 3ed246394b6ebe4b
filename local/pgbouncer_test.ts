import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { askPostgres } from "./answers.ts";
import { startPgBouncer } from "./pgbouncer.ts";
import { assertGone, tracesOf } from "./testdata/traces.ts";

const databaseUrl = Deno.env.get("DATABASE_URL")!;

Deno.test("startPgBouncer() shares sessions of the server by transactions, and asks for its password", async () => {
  await using pooler = await startPgBouncer(databaseUrl, {
    poolMode: "transaction",
    settings: { default_pool_size: 1 },
  });
  const clients = [1, 2].map(() => connectPostgres(pooler.url, { applicationName: "test", connections: 1 }));
  try {
    const pids = await Promise.all(clients.map(async (sql) => (await sql`SELECT pg_backend_pid() AS pid`)[0]!["pid"]));
    assertEquals(pids[0], pids[1]);
    const [row] = await clients[0]!`SELECT current_database() AS name`;
    assertEquals(row!["name"], new URL(databaseUrl).pathname.slice(1));
  } finally {
    await Promise.all(clients.map(closePostgres));
  }
  const url = new URL(pooler.url);
  url.password = "guessed";
  await assertRejects(() => askPostgres(url.href), Error, "authentication failed");
});

Deno.test("startPgBouncer() leaves no process and no folder when disposed of, and can be restarted before", async () => {
  const pooler = await startPgBouncer(databaseUrl, { poolMode: "session" });
  await pooler.restart();
  await askPostgres(pooler.url);
  const traces = tracesOf(pooler);
  assert(traces.pids.length > 0);
  await pooler[Symbol.asyncDispose]();
  await assertGone(traces);
});
