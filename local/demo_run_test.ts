import { assertRight } from "@events-pipeline/checker";
import { assertEquals } from "@std/assert";
import { createDatabase } from "./database.ts";
import { runDemo } from "./demo_run.ts";
import { startRedis } from "./redis.ts";

Deno.test("runDemo() loses, doubles and reorders nothing when every daemon is killed with -9 amid the load", async () => {
  await using cleanUp = new AsyncDisposableStack();
  const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
  cleanUp.defer(() => database.drop());
  // The demo's stream has a fixed name, so it gets a Redis of its own.
  const redis = cleanUp.use(await startRedis());
  const archiveFolder = await Deno.makeTempDir();
  cleanUp.defer(() => Deno.remove(archiveFolder, { recursive: true }));
  const result = await runDemo({
    databaseUrl: database.url,
    redisUrl: redis.url,
    archiveFolder,
    count: 1_000,
    signal: AbortSignal.timeout(90_000),
    async onHalfWay(daemons, restart) {
      const running = [...daemons];
      for (const [, daemon] of running) daemon.kill("SIGKILL");
      await Promise.all(running.map(([, daemon]) => daemon.ended));
      for (const [task] of running) await restart(task);
    },
  });
  assertRight(result.report);
  assertEquals(result.committed, 900);
  assertEquals(result.report.streams[0]!.stages.map(({ stage, events, upTo }) => [stage, events, upTo]), [
    ["outbox", 900, 900],
    ["stream", 900, 900],
    ["archive", 900, 900],
    ["handled", 900, 900],
  ]);
});
