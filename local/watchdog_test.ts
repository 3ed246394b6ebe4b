import { assertEquals, assertRejects } from "@std/assert";
import { logTail, spawnGuarded } from "./guarded_process.ts";
import { ServerError } from "./server.ts";
import { textUntil } from "./testdata/text_until.ts";
import { assertGone, exists, type Traces, untilGone } from "./testdata/traces.ts";
import { until } from "./until.ts";
import { Watchdog } from "./watchdog.ts";

for (const state of ["running", "frozen"]) {
  Deno.test(`Watchdog leaves nothing of ${state} servers when the program is killed`, async () => {
    const program = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", `${import.meta.dirname}/testdata/doomed.ts`, state],
      stdout: "piped",
    }).spawn();
    const line = await textUntil(program.stdout, /\n/);
    program.kill("SIGKILL");
    await program.status;
    assertEquals(await Array.fromAsync(program.stdout), []); // Nobody holds it open
    for (const traces of JSON.parse(line) as Traces[]) await untilGone(traces);
  });
}

Deno.test("Watchdog.end() ends a process that ignores the signal, and runs the clean-up", async () => {
  const mark = await Deno.makeTempFile();
  const watchdog = await Watchdog.start("test", { cleanUp: ["rm", mark] });
  const log = `${watchdog.folder}/log`;
  const script = "trap '' TERM; echo deaf; while :; do sleep 1; done";
  const child = await spawnGuarded(watchdog, ["sh", "-c", script], { log });
  await until("the process is deaf", async () => await logTail(log) === "deaf");
  await watchdog.end();
  assertEquals((await child.status).signal, "SIGKILL");
  await assertGone({ pids: [child.pid], folder: watchdog.folder });
  assertEquals(await exists(mark), false);
});

Deno.test("Watchdog ignores SIGINT and SIGTERM", async () => {
  const watchdog = await Watchdog.start("test");
  await using _ = { [Symbol.asyncDispose]: () => watchdog.end() };
  const { stdout } = await new Deno.Command("ps", { args: ["-A", "-o", "pid=,args="] }).output();
  const line = new TextDecoder().decode(stdout).split("\n").find((it) => /watchdog ep_test/.test(it));
  const pid = Number(line?.trim().split(" ")[0]);
  Deno.kill(pid, "SIGINT");
  Deno.kill(pid, "SIGTERM");
  await watchdog.release();
  assertEquals(await exists(watchdog.folder), true);
});

Deno.test("Watchdog.start() says so when it cannot make a folder", async () => {
  await assertRejects(
    () => Watchdog.start("no/such/folder"),
    ServerError,
    "Cannot make a temporary folder",
  );
});
