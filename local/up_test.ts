import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { askPostgres, askRedis } from "./answers.ts";
import { freePort } from "./free_port.ts";
import { printedUrls } from "./testdata/text_until.ts";

function up(args: readonly string[], environment: Record<string, string> = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", `${import.meta.dirname}/up.ts`, ...args],
    env: { DATABASE_URL: "", REDIS_URL: "", ...environment },
    stdout: "piped",
    stderr: "piped",
  });
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`up.ts serves until ${signal}, and then stops what it started`, async () => {
    const program = up([]).spawn();
    const errors = new Response(program.stderr).text();
    const [databaseUrl, redisUrl] = await printedUrls(program.stdout);
    await askPostgres(databaseUrl);
    await askRedis(redisUrl);
    program.kill(signal);
    assertEquals((await program.status).code, 0);
    assertEquals(await Array.fromAsync(program.stdout), []);
    assertStringIncludes(await errors, "Stopping");
    await assertRejects(() => askPostgres(databaseUrl));
    await assertRejects(() => askRedis(redisUrl));
  });
}

Deno.test("up.ts says that it leaves servers alone that it has not started", async () => {
  const url = Deno.env.get("REDIS_URL")!;
  const program = up([], { DATABASE_URL: Deno.env.get("DATABASE_URL")!, REDIS_URL: url }).spawn();
  const errors = new Response(program.stderr).text();
  await printedUrls(program.stdout);
  program.kill("SIGTERM");
  await program.stdout.cancel();
  assertEquals((await program.status).code, 0);
  assertStringIncludes(await errors, "Ctrl-C leaves them as they are");
  await askRedis(url);
});

Deno.test("up.ts exits with 2 and its usage after an unknown flag, with 0 after --help", async () => {
  const decoder = new TextDecoder();
  const wrong = await up(["--bogus"]).output();
  assertEquals(wrong.code, 2);
  assertMatch(decoder.decode(wrong.stderr), /^Unknown argument --bogus\n\n.*\n\nUsage:/);
  const help = await up(["--help"]).output();
  assertEquals(help.code, 0);
  assertStringIncludes(decoder.decode(help.stdout), "Usage: deno task up");
});

Deno.test("up.ts exits with 1 when the server of a variable does not answer", async () => {
  const url = `redis://127.0.0.1:${freePort()}`;
  const { code, stderr, stdout } = await up([], { REDIS_URL: url }).output();
  assertEquals(code, 1);
  assertEquals(stdout.length, 0);
  assertMatch(new TextDecoder().decode(stderr), /Cannot use the server of REDIS_URL: [^\n]+\n$/);
});
