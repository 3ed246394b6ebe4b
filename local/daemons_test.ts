import { assertEquals, assertStringIncludes } from "@std/assert";
import { createDatabase } from "./database.ts";
import { runTask, startDaemon } from "./daemon_process.ts";
import { testPipeline } from "./test_pipeline.ts";
import { until } from "./until.ts";

const HANDLERS = ["--handlers", "examples/widgets/handlers.ts"];
const DAEMONS: readonly (readonly [task: string, args: readonly string[]])[] = [
  ["publisher", []],
  ["consume", HANDLERS],
  ["archive", []],
];

for (const [task, args] of DAEMONS) {
  Deno.test(`${task} exits with 0 after --help, which names its settings`, async () => {
    const { code, stdout } = await runTask(task, { environment: {}, args: ["--help"] });
    assertEquals(code, 0);
    for (const text of [`Usage: deno task ${task}`, "--once", "DATABASE_URL", "REDIS_URL", "LOG_LEVEL", "LOG_FORMAT"]) {
      assertStringIncludes(stdout, text);
    }
  });

  Deno.test(`${task} exits with 2 and every fault at once, before any connection`, async () => {
    const environment = { DATABASE_URL: "mysql://user:secret@db", REDIS_URL: "", LOG_LEVEL: "loud", LOG_FORMAT: "xml" };
    const { code, stderr } = await runTask(task, { environment, args: [...args, "--bogus"] });
    assertEquals(code, 2);
    for (const text of ["--bogus", "DATABASE_URL must", "REDIS_URL is not set", "LOG_LEVEL must", "LOG_FORMAT must"]) {
      assertStringIncludes(stderr, text);
    }
    assertEquals(stderr.includes("secret"), false);
  });

  Deno.test(`${task} exits with 1 when migrations are missing, and says what to do`, async () => {
    const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
    try {
      const { code, stdout } = await runTask(task, { environment: { DATABASE_URL: database.url }, args });
      assertEquals(code, 1);
      assertStringIncludes(stdout, "Run 'deno task migrate'");
    } finally {
      await database.drop();
    }
  });

  Deno.test(`${task} ends with 0 after SIGTERM`, async () => {
    await using pipeline = await testPipeline();
    const applicationName = {
      publisher: "events-publisher",
      consume: "events-consumer",
      archive: "events-archiver",
    }[task]!;
    const failures: string[] = [];
    const daemon = await startDaemon(task, {
      args,
      environment: { DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl },
      onFailure: (output) => failures.push(output),
    });
    await until(
      `${task} works with the database`,
      async () =>
        (await pipeline.sql`
          SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND application_name LIKE ${applicationName + "%"}`).length > 0,
    );
    daemon.kill("SIGTERM");
    assertEquals([await daemon.ended, failures], [0, []]);
  });
}
