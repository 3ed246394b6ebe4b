import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { runTask } from "@events-pipeline/local/daemon_process";
import { createDatabase } from "@events-pipeline/local/database";
import { freePort } from "@events-pipeline/local/free_port";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const WIDGET = ["--stream", "stream:widgets:events", "--event-type", "WidgetCreated"];
const PAYLOAD = ["--payload", '{"widget_id":"w1","owner_id":"o1"}'];

async function emptyDatabase(): Promise<AsyncDisposable & { readonly DATABASE_URL: string }> {
  const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
  return { DATABASE_URL: database.url, [Symbol.asyncDispose]: () => database.drop() };
}

Deno.test("migrate applies what is missing, whoever else is at it, and refuses a newer schema with 3", async () => {
  await using database = await emptyDatabase();
  const environment = { DATABASE_URL: database.DATABASE_URL };
  const runs = await Promise.all([1, 2, 3].map(() => runTask("migrate", { environment })));
  assertEquals(runs.map((run) => [run.code, run.stderr]), [[0, ""], [0, ""], [0, ""]]);
  const applied = runs.map((run) => run.stdout).join("").match(/applied producer 1,/g);
  assertEquals(applied?.length, 1);
  const sql = connectPostgres(environment.DATABASE_URL, { applicationName: "test" });
  await sql`INSERT INTO events.migration (owner, number, name, breaking) VALUES ('producer', 99, 'of the future', true)`;
  await closePostgres(sql);
  const newer = await runTask("migrate", { environment });
  assertEquals(newer.code, 3);
  assertMatch(newer.stderr, /'producer' is at migration 99 .* Deploy a newer version/);
});

Deno.test("send-event writes one event to the outbox and prints its id", async () => {
  await using database = await emptyDatabase();
  const environment = { DATABASE_URL: database.DATABASE_URL };
  await runTask("migrate", { environment });
  const sent = await runTask("send-event", { environment, args: [...WIDGET, ...PAYLOAD] });
  assertEquals([sent.code, sent.stderr], [0, ""]);
  const sql = connectPostgres(environment.DATABASE_URL, { applicationName: "test" });
  const rows = await sql`SELECT event_id, stream_name, event_type, payload FROM events.outbox_event`;
  await closePostgres(sql);
  assertEquals([...rows], [{
    event_id: JSON.parse(sent.stdout).event_id,
    stream_name: "stream:widgets:events",
    event_type: "WidgetCreated",
    payload: { widget_id: "w1", owner_id: "o1" },
  }]);
});

const wrongArguments: Record<string, readonly [args: readonly string[], message: RegExp]> = {
  "no arguments": [[], /--stream STREAM is missing[^]*--event-type TYPE is missing[^]*--payload JSON is missing/],
  "an unknown flag and an extra word": [
    ["word", ...WIDGET, ...PAYLOAD, "--bogus"],
    /--bogus[^]*'word' is not expected/,
  ],
  "a payload that is not JSON": [[...WIDGET, "--payload", "{"], /Cannot read the payload as JSON/],
  "a payload of another shape": [[...WIDGET, "--payload", '{"widget_id":1}'], /widget_id/],
  "an unknown event": [["--stream", "stream:widgets:events", "--event-type", "Nope", ...PAYLOAD], /Nope/],
  "a bad stream": [["--stream", "widgets", "--event-type", "WidgetCreated", ...PAYLOAD], /widgets/],
};

Deno.test("send-event refuses wrong arguments with 2, before any connection", async () => {
  const environment = { DATABASE_URL: `postgres://app:secret@127.0.0.1:${freePort()}/x` };
  await Promise.all(
    Object.entries(wrongArguments).map(async ([what, [args, message]]) => {
      const { code, stderr, stdout } = await runTask("send-event", { environment, args });
      assertEquals([code, stdout], [2, ""], what);
      assertMatch(stderr, message, what);
    }),
  );
});

Deno.test("send-event asks for the migrations that are missing", async () => {
  await using database = await emptyDatabase();
  const environment = { DATABASE_URL: database.DATABASE_URL };
  const { code, stderr } = await runTask("send-event", { environment, args: [...WIDGET, ...PAYLOAD] });
  assertEquals(code, 1);
  assertMatch(stderr, /^deno task send-event: Cannot use the database: .* Run 'deno task migrate'\n$/);
});

Deno.test("migrate and send-event exit with 1 when the database is away, and show no password", async () => {
  const environment = { DATABASE_URL: `postgres://app:secret@127.0.0.1:${freePort()}/x` };
  for (const [task, args] of [["migrate", []], ["send-event", [...WIDGET, ...PAYLOAD]]] as const) {
    const { code, stderr } = await runTask(task, { environment, args });
    assertEquals(code, 1, task);
    assertStringIncludes(stderr, "ECONNREFUSED", task);
    assertEquals(stderr.includes("secret"), false, task);
  }
});

Deno.test("send-event says in a line what is wrong with a module of events", async () => {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, 'throw new Error("no such registry");');
    const environment = { DATABASE_URL: `postgres://app:secret@127.0.0.1:${freePort()}/x` };
    const { code, stderr } = await runTask("send-event", {
      environment,
      args: [...WIDGET, ...PAYLOAD, "--schemas", file],
    });
    assertEquals(code, 2);
    assertEquals(stderr, `deno task send-event: Cannot load the schemas file '${file}': no such registry\n`);
  } finally {
    await Deno.remove(file);
  }
});
