import { openStore, runArchiver } from "@events-pipeline/archiver";
import { historyOf, snapshotOf } from "@events-pipeline/compat";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type ConsoleFixture, consoleFixture } from "./testdata/console_fixture.ts";

const ROOT = resolve(import.meta.dirname!, "..");

/** The task, or its command with other permissions, in the root of the repository. */
function start(args: readonly string[], env: Readonly<Record<string, string>>): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), { args: [...args], cwd: ROOT, env, stdout: "piped", stderr: "piped" })
    .spawn();
}

const TASK = ["task", "--quiet", "console"];

function serversOf({ pipeline }: ConsoleFixture): Record<string, string> {
  return { DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl, CONSOLE_ADDRESS: "0" };
}

/** Starts a console, uses it, and stops it by a signal. @returns what it said */
async function running(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  use: (url: string) => Promise<void>,
): Promise<string> {
  const child = start(args, env);
  const errors = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!/http:\/\/127\.0\.0\.1:\d+/.test(said)) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`Cannot start: ${said} ${await errors}`);
    said += value;
  }
  await use(/http:\/\/127\.0\.0\.1:\d+/.exec(said)![0]);
  child.kill("SIGINT");
  for (let part = await lines.read(); !part.done; part = await lines.read()) said += part.value;
  assertEquals([(await child.status).code, await errors], [0, ""]);
  return said;
}

async function open(url: string, status = 200): Promise<string> {
  const response = await fetch(url);
  const text = await response.text();
  assertEquals(response.status, status, text);
  return text;
}

Deno.test("deno task console refuses what is not safe, and says what is wrong with its files", async () => {
  await using fixture = await consoleFixture();
  const servers = serversOf(fixture);
  const refused = async (env: Record<string, string>, args: readonly string[] = []): Promise<string> => {
    const { code, stdout, stderr } = await start([...TASK, ...args], { ...servers, ...env }).output();
    assert(code !== 0);
    return new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  };
  for (const address of ["0.0.0.0:0", "[::]:0", "10.0.0.1:9480"]) {
    assertMatch(await refused({ CONSOLE_ADDRESS: address }), /set CONSOLE_TOKEN or CONSOLE_PROXY_HEADER/);
  }
  assertStringIncludes(await refused({ CONSOLE_TOKEN: "short" }), "32 characters");
  assertStringIncludes(await refused({}, ["--schema-history", "deno.json"]), "deno task schema-history");
});

Deno.test("deno task console has the permissions that it needs: archive, history, schemas, actions", async () => {
  await using fixture = await consoleFixture();
  const { sql, redis, stream } = fixture.pipeline;
  // The task may read nothing outside of the repository.
  await Deno.mkdir(`${ROOT}/archive`, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: `${ROOT}/archive`, prefix: "console_test_" });
  try {
    const store = await openStore(pathToFileURL(folder).href);
    await runArchiver({ sql, redis, store, once: true, signal: AbortSignal.timeout(60_000) });
    store.close();
    const revision = { revision: "v1", commit: "c0ffee", at: "2026-01-31T12:00:00Z", subject: "Begin" };
    const history = historyOf([[revision, snapshotOf([{ WidgetCreated }])]]);
    await Deno.writeTextFile(`${folder}/history.json`, JSON.stringify(history));
    const env = { ...serversOf(fixture), ARCHIVE_URL: pathToFileURL(folder).href };
    const files = [
      "--schema-history",
      `${folder}/history.json`,
      "--schemas",
      "common/schemas/mod.ts",
      "--allow-actions",
    ];
    let live: ReadableStreamDefaultReader<Uint8Array> | undefined;
    const said = await running([...TASK, ...files], env, async (url) => {
      assertStringIncludes(await open(`${url}/archive?stream=${encodeURIComponent(stream)}`), "-1.jsonl.gz");
      assertStringIncludes(await open(`${url}/schemas/WidgetCreated`), "first seen");
      assertStringIncludes(await open(`${url}/events/${fixture.eventId}`), "archived");
      const csrf = /name="csrf" value="([^"]+)"/.exec(await open(`${url}/consumers`))![1]!;
      const body = new URLSearchParams({ csrf, consumer: "mailer", stream });
      assertStringIncludes(await (await fetch(`${url}/consumers/pause`, { method: "POST", body })).text(), "is paused");
      // Somebody who looks is let go.
      live = (await fetch(`${url}/live`)).body!.getReader();
      assertStringIncludes(new TextDecoder().decode((await live.read()).value), "data:");
    });
    while (!(await live!.read()).done);
    assert(!/NotCapable|Requires|Cannot/.test(said), said);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the console runs with the network that its README narrows it to, and reaches nothing else", async () => {
  await using fixture = await consoleFixture();
  const env = serversOf(fixture);
  const readme = await Deno.readTextFile(new URL("README.md", import.meta.url));
  const [, narrow] = /^(deno run .*--allow-net=(?:.|\\\n)*?console\/main\.ts)$/m.exec(readme) ?? [];
  const [database, redis] = [new URL(env["DATABASE_URL"]!), new URL(env["REDIS_URL"]!)];
  const words = narrow!.replaceAll(/\\\n\s*/g, "").split(" ").slice(1).map((word) =>
    word.replace("db.internal:5432", database.host).replace("redis.internal:6379", redis.host).replace(":9480", "")
  );
  await running(words, env, async (url) => {
    assertStringIncludes(await open(`${url}/streams`), fixture.pipeline.stream);
  });
  const elsewhere = start(words, { ...env, DATABASE_URL: "postgres://u:p@192.0.2.1:5432/d" });
  let said = "";
  for await (const text of elsewhere.stdout.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (/Requires net access to \W{1,2}192\.0\.2\.1/.test(said)) break;
  }
  elsewhere.kill("SIGKILL");
  await elsewhere.status;
  await elsewhere.stderr.cancel();
  assertMatch(said, /Requires net access to \W{1,2}192\.0\.2\.1/);
});
