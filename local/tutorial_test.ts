import { migrate } from "@events-pipeline/common/migrator";
import { pipelineMigrations } from "@events-pipeline/cli";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { resolve } from "node:path";
import { createDatabase } from "./database.ts";
import { startRedis } from "./redis.ts";

const root = resolve(import.meta.dirname!, "..");

Deno.test("README.md: the commands of 'Verify' bring an event to its handler and into the archive", async () => {
  const text = await Deno.readTextFile(`${root}/README.md`);
  const [verify = ""] = text.slice(text.indexOf("### 5. Verify")).split("\n## ");
  const blocks = [...verify.matchAll(/```sh\n([^]*?)```/g)].map((match) => match[1]!);
  assertEquals(blocks.shift(), "deno task up\n"); // The servers of this test stand in for it.
  await using redis = await startRedis(); // The stream has a fixed name, so it gets a Redis of its own.
  const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
  const folder = await Deno.makeTempDir();
  try {
    const script = blocks.join("\n").replaceAll("archive/stream", `${folder}/stream`)
      .replaceAll("$PWD/archive", folder).replaceAll("deno ", `${Deno.execPath()} `);
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-eu", "-c", script],
      cwd: root,
      env: { DATABASE_URL: database.url, REDIS_URL: redis.url, ARCHIVE_URL: `file://${folder}` },
    }).output();
    const output = new TextDecoder().decode(stdout);
    assertEquals(code, 0, output + new TextDecoder().decode(stderr));
    assertStringIncludes(output, "Notified an owner owner=o1");
    assertStringIncludes(output, '"payload":{"owner_id":"o1","widget_id":"w1"}');
    assertMatch(output, /\n {2}handled +1 +1 +0 [^]*\nEverything is right\n/);
    const sql = connectPostgres(database.url, { applicationName: "test" });
    assertEquals(await migrate(sql, pipelineMigrations), []);
    assertEquals([...await sql`SELECT owner_id, message FROM widgets.notification`], [
      { owner_id: "o1", message: "Your widget w1 is ready" },
    ]);
    await closePostgres(sql);
  } finally {
    await database.drop();
    await Deno.remove(folder, { recursive: true });
  }
});
