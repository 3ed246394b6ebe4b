import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import postgres from "postgres";
import { startPostgres } from "./postgres.ts";
import { ServerError } from "./server.ts";
import { assertGone, exists, tracesOf } from "./testdata/traces.ts";

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return [...await sql.unsafe(text)];
  } finally {
    await sql.end({ timeout: 5 });
  }
}

Deno.test("startPostgres() is durable, on loopback only, and asks for the password", async () => {
  await using server = await startPostgres({ settings: { application_name: "it's set" } });
  const rows = await query(
    server.url,
    `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit',
       'full_page_writes', 'listen_addresses', 'unix_socket_directories', 'max_connections')
     ORDER BY name`,
  );
  assertEquals(Object.fromEntries(rows.map(({ name, setting }) => [name, setting])), {
    fsync: "on",
    full_page_writes: "on",
    listen_addresses: "127.0.0.1",
    max_connections: "200",
    synchronous_commit: "on",
    unix_socket_directories: "",
  });
  const configured = await Deno.readTextFile(`${server.folder}/data/postgresql.conf`);
  assertStringIncludes(configured, "application_name = 'it''s set'");
  const url = new URL(server.url);
  assertEquals(await exists(`${server.folder}/password`), false);
  url.password = "guessed";
  await assertRejects(() => query(url.href, "SELECT 1"), Error, "password authentication failed");
});

Deno.test("startPostgres() leaves no process and no folder when disposed of", async () => {
  const server = await startPostgres();
  const traces = tracesOf(server);
  await server[Symbol.asyncDispose]();
  await assertGone(traces);
});

Deno.test("crash(), start() and restart() keep committed rows and the port", async () => {
  await using server = await startPostgres();
  await query(server.url, "CREATE TABLE public.kept (n integer)");
  await query(server.url, "INSERT INTO public.kept VALUES (1)");
  const { pids } = tracesOf(server);
  await server.crash();
  await assertGone({ pids, folder: `${server.folder}/none` });
  await server.start();
  await query(server.url, "INSERT INTO public.kept VALUES (2)");
  await server.restart();
  server.kill("SIGKILL");
  await server.start();
  assertEquals(await query(server.url, "SELECT n FROM public.kept ORDER BY n"), [
    { n: 1 },
    { n: 2 },
  ]);
  await assertRejects(() => server.start(), ServerError, "Cannot start PostgreSQL: it runs");
});

Deno.test("stop() keeps the data for start(), and ends a server that was frozen", async () => {
  await using server = await startPostgres();
  await query(server.url, "CREATE TABLE public.kept (n integer)");
  server.kill("SIGSTOP");
  await server.stop();
  await server.start();
  assertEquals(await query(server.url, "SELECT n FROM public.kept"), []);
});

Deno.test("startPostgres() tells the end of the log when the server does not start", async () => {
  const error = await assertRejects(
    () => startPostgres({ settings: { shared_buffers: "no size" } }),
    ServerError,
    "Cannot start PostgreSQL on port",
  );
  assertStringIncludes(error.message, "shared_buffers");
});

Deno.test("startPostgres() gives up when its signal is aborted", async () => {
  await assertRejects(
    () => startPostgres({ signal: AbortSignal.timeout(300) }),
    DOMException,
    "timeout",
  );
});
