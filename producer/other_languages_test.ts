import { aptInstall, canAptInstall } from "@events-pipeline/local/apt";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";

/** The example of a language that the page says runs here. */
async function example(language: string): Promise<string> {
  const page = await Deno.readTextFile(new URL("./OTHER_LANGUAGES.md", import.meta.url));
  const code = new RegExp(`<!-- runs in other_languages_test.ts -->\n\n\`\`\`${language}\n([^]*?)\`\`\``).exec(page);
  return code![1]!;
}

async function run(program: string, args: readonly string[], databaseUrl: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env: { DATABASE_URL: databaseUrl },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assertEquals([code, decoder.decode(stderr)], [0, ""], `${program} failed`);
  return decoder.decode(stdout);
}

/** A Python that has psycopg2: Debian's, if need be installed. */
async function python(): Promise<string> {
  const candidates = ["/usr/bin/python3", "python3"];
  const has = async (program: string): Promise<boolean> => {
    const command = new Deno.Command(program, { args: ["-c", "import psycopg2"], stderr: "null" });
    return await command.output().then(({ success }) => success, () => false);
  };
  for (const program of candidates) if (await has(program)) return program;
  if (await canAptInstall()) await aptInstall("python3-psycopg2");
  for (const program of candidates) if (await has(program)) return program;
  throw new Error("Cannot run Python's example: there is no psycopg2. Install it: pip install psycopg2-binary");
}

Deno.test("OTHER_LANGUAGES.md's examples of psql and Python send what they say, which reaches the stream", async () => {
  await using pipeline = await testPipeline();
  const { sql, databaseUrl, redis } = pipeline;
  await run("sh", ["-c", await example("sh")], databaseUrl);
  const id = (await run(await python(), ["-c", await example("python")], databaseUrl)).trim();
  const rows = await sql`
    SELECT event_id, stream_name, event_type, payload, metadata FROM events.outbox_event ORDER BY id`;
  const [psql, fromPython] = rows;
  const common = { stream_name: "stream:widgets:events", event_type: "WidgetCreated" };
  assertEquals({ ...psql, event_id: "" }, {
    ...common,
    event_id: "",
    payload: { widget_id: "w-psql", owner_id: "o1" },
    metadata: { tenant: "t1" },
  });
  assertEquals(fromPython, {
    ...common,
    event_id: id,
    payload: { widget_id: "w-python", owner_id: "żółw 🐢" },
    metadata: { correlation_id: "c1" },
  });
  // This test alone sends to the tutorial's stream, into a Redis that others share.
  await sql`UPDATE events.outbox_event SET stream_name = ${pipeline.stream}`;
  await pipeline.publish();
  assertEquals(await redis.call("XLEN", pipeline.stream), 2);
});

Deno.test("events.send_event() makes UUIDs of version 7, in order of time, and is part of its transaction", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  const send = () => sql`SELECT events.send_event(${stream}, 'Made', '{}') AS id`;
  const before = Date.now();
  const ids: string[] = [];
  for (let i = 0; i < 20; i++) {
    const [row] = await send();
    ids.push(row!["id"]);
    await sql`SELECT pg_sleep(0.001)`;
  }
  for (const id of ids) assertMatch(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assertEquals(ids, [...ids].sort());
  assertEquals(new Set(ids).size, 20);
  const ms = parseInt(ids[0]!.replaceAll("-", "").slice(0, 12), 16);
  assert(ms >= before - 2 && ms <= Date.now() + 2);
  await assertRejects(() =>
    sql.begin(async (tx) => {
      await tx`SELECT events.send_event(${stream}, 'Made', '{}')`;
      throw new Error("no");
    })
  );
  assertEquals((await sql`SELECT FROM events.outbox_event`).length, 20);
});

const big = (bytes: number) => `json_build_object('a', repeat('x', ${bytes}))`;

const refusals: Record<string, readonly [args: string, message: RegExp]> = {
  "no stream": ["NULL, 'Made', '{}'", /stream NULL must have the form/],
  "a stream of another form": ["'widgets', 'Made', '{}'", /stream 'widgets' must have the form/],
  "a stream with a line break": ["E'stream:widgets:events\\n', 'Made', '{}'", /must have the form/],
  "a long stream": ["'stream:' || repeat('x', 190) || ':events', 'Made', '{}'", /must have the form/],
  "no event type": ["'stream:a:events', NULL, '{}'", /event type NULL must be letters/],
  "a bad event type": ["'stream:a:events', 'made it', '{}'", /event type 'made it' must be letters/],
  "no payload": ["'stream:a:events', 'Made', NULL", /payload is NULL and must be an object/],
  "a list as payload": ["'stream:a:events', 'Made', '[]'", /payload is array and must be an object/],
  "a large payload": [
    `'stream:a:events', 'Made', ${big(1024 * 1024)}`,
    /payload has 10485\d\d bytes and may have 1048576/,
  ],
  "no metadata": ["'stream:a:events', 'Made', '{}', NULL", /metadata is NULL and must be an object/],
  "a number as label": [`'stream:a:events', 'Made', '{}', '{"n":1}'`, /metadata 'n' is number and must be text/],
  "large metadata": [
    `'stream:a:events', 'Made', '{}', ${big(16 * 1024)}`,
    /metadata has 163\d\d bytes and may have 16384/,
  ],
};

Deno.test("events.send_event() refuses what can be seen to be wrong", async () => {
  await using pipeline = await testPipeline();
  const { sql } = pipeline;
  for (const [what, [args, message]] of Object.entries(refusals)) {
    const error = await assertRejects(
      () => sql.unsafe(`SELECT events.send_event(${args})`),
      Error,
      "Cannot send",
      what,
    );
    assertMatch(error.message, message, what);
    assertEquals((error as { code?: string }).code, "22023", what);
  }
  assertEquals((await sql`SELECT FROM events.outbox_event`).length, 0);
});
