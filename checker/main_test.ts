import { runTask } from "@events-pipeline/local/daemon_process";
import { freePort } from "@events-pipeline/local/free_port";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { pathToFileURL } from "node:url";
import { type CheckedPipeline, checkedPipeline } from "./testdata/checked_pipeline.ts";
import type { RawEntry } from "./testdata/spoil.ts";

function check({ databaseUrl, redisUrl }: CheckedPipeline, args: readonly string[] = []) {
  return runTask("check-pipeline", { args, environment: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } });
}

Deno.test("check-pipeline prints a table a stream and exits with 0, or with 1 and what to look for", async () => {
  await using pipeline = await checkedPipeline(60);
  const { redis, stream, folder } = pipeline;
  const args = [
    ...["--archive", pathToFileURL(folder).href, "--handled-table", "public.handled:event_id:id", "--complete"],
    ...["--version-of", "WidgetCreated.owner_id:widget_id", "--stream", stream],
  ];
  const right = await check(pipeline, args);
  assertEquals([right.code, right.stderr], [0, ""]);
  assertMatch(right.stdout, new RegExp(`^${stream}: published up to \\d+-60, backlog 0, of that in flight 0\n`));
  assertMatch(
    right.stdout,
    /\n {2}stage +up to +events +lost +missing +duplicated +out of order +unexpected +altered +damaged\n/,
  );
  for (const stage of ["outbox", "stream", "archive", "handled", "version of WidgetCreated.owner_id"]) {
    assertMatch(right.stdout, new RegExp(`\n  ${stage} +60 +60( +0){7}\n`));
  }
  assertMatch(right.stdout, /\nEverything is right\n$/);
  const [[entryId]] = await redis.call("XRANGE", stream, "-", "+", "COUNT", 1) as [RawEntry];
  await redis.call("XDEL", stream, entryId);
  const wrong = await check(pipeline, args);
  assertEquals([wrong.code, wrong.stderr], [1, ""]);
  assertMatch(wrong.stdout, new RegExp(`\n  stream, lost: event [0-9a-f-]{36}, entry ${entryId}\n`));
  assertMatch(wrong.stdout, /\nSomething is wrong: 1 lost\n$/);
});

Deno.test("check-pipeline --json prints the whole report as one line", async () => {
  await using pipeline = await checkedPipeline(3);
  const { code, stdout } = await check(pipeline, ["--json"]);
  assertEquals([code, stdout.trimEnd().split("\n").length], [0, 1]);
  const { right, streams } = JSON.parse(stdout);
  assertEquals([right, streams.length, streams[0].stages.map((stage: { stage: string }) => stage.stage)], [
    true,
    1,
    ["outbox", "stream"],
  ]);
});

Deno.test("check-pipeline says all that is wrong with its arguments at once, and exits with 2", async () => {
  const { code, stdout, stderr } = await runTask("check-pipeline", {
    args: [
      ...["word", "--stream", "widgets", "--archive", "/tmp", "--version-of", "WidgetCreated", "--bogus"],
      ...["--consumer", "c", "--handled-type", "T"],
    ],
    environment: { DATABASE_URL: "mysql://x", REDIS_URL: "" },
  });
  assertEquals([code, stdout], [2, ""]);
  assertEquals(stderr.trimEnd().split("\n"), [
    "deno task check-pipeline: cannot start:",
    "  --bogus is not a flag of it",
    "  'word' is not expected",
    "  --stream must be stream:<domain>:events",
    "  --archive must be file:///folder or s3://bucket/prefix",
    "  --consumer needs --handled-table",
    "  --handled-type needs --handled-table",
    "  --version-of must be TYPE.FIELD:KEY",
    "  DATABASE_URL must be a URL that begins with postgres:// or postgresql://",
    "  REDIS_URL is not set: it must be a URL that begins with redis://, redis+sentinel:// or redis+cluster://, each also with rediss for TLS",
    "See deno task check-pipeline --help",
  ]);
});

Deno.test("check-pipeline exits with 2 when it cannot check, and says why without a password", async () => {
  await using pipeline = await checkedPipeline(3);
  const { databaseUrl: DATABASE_URL, redisUrl: REDIS_URL } = pipeline;
  const run = async (args: readonly string[], environment: Record<string, string>, reason: RegExp) => {
    const { code, stdout, stderr } = await runTask("check-pipeline", { args, environment });
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr, /^deno task check-pipeline: /);
    assertMatch(stderr, reason);
    assertEquals(stderr.includes("secret"), false);
  };
  const nowhere = `127.0.0.1:${freePort()}`;
  await Promise.all([
    run([], { DATABASE_URL: `postgres://app:secret@${nowhere}/x`, REDIS_URL }, /ECONNREFUSED/),
    run([], { DATABASE_URL, REDIS_URL: `redis://app:secret@${nowhere}` }, /Cannot wait for Redis any longer/),
    run(["--stream", "stream:nowhere:events"], { DATABASE_URL, REDIS_URL }, /the outbox has only had stream:test/),
    run(["--handled-table", "no.where"], { DATABASE_URL, REDIS_URL }, /relation "no.where" does not exist/),
    run(
      [],
      { DATABASE_URL: Deno.env.get("DATABASE_URL")!.replace(/[^/]*$/, "postgres"), REDIS_URL },
      /deno task migrate/,
    ),
  ]);
});

Deno.test("check-pipeline --help names every flag and setting", async () => {
  const { code, stdout } = await runTask("check-pipeline", { args: ["--help"], environment: {} });
  assertEquals(code, 0);
  for (const word of ["--stream", "--archive", "--handled-table", "--version-of", "--json", "CONSUMER_DATABASE_URL"]) {
    assertStringIncludes(stdout, word);
  }
});
