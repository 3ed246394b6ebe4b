import { childProcesses, isAlive } from "@events-pipeline/local/child_processes";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type HarmfulPipeline, harmfulPipeline } from "../testdata/harmful_pipeline.ts";

/** Five processes may take a while to start, in milliseconds. */
const HANG_MS = 120_000;

const heldLeases = async ({ sql }: HarmfulPipeline): Promise<number> =>
  (await sql`SELECT FROM events.stream_lease WHERE role LIKE 'consumer:%' AND lease_until IS NOT NULL`).length;

/** Waits until processes have ended. Those that do not are killed, for they would burn on. */
async function whenGone(pids: readonly number[]): Promise<void> {
  try {
    await until("all are gone", () => !pids.some(isAlive), HANG_MS);
  } finally {
    for (const pid of pids.filter(isAlive)) Deno.kill(pid, "SIGKILL");
  }
}

Deno.test("consume --isolate leaves the others at work when one consumer burns the CPU and one ends its process", async () => {
  await using pipeline = await harmfulPipeline();
  const { sql, send, handled } = pipeline;
  await using daemon = await pipeline.consume(["--isolate"], { CONSUMER_STOP_SECONDS: "4" });
  await send("before", "burn", "die");
  await until("both do harm", async () => {
    const { "consumer:test:burning": burning, "consumer:test:dying": dying, ...others } = await daemon.faults() ?? {};
    return /has said nothing for \d+ s/.test(burning ?? "") && /exit code 7/.test(dying ?? "") &&
      Object.keys(others).length === 0;
  }, HANG_MS);
  const times: number[] = [];
  for (let i = 1; i <= 10; i++) {
    const begun = performance.now();
    await send(`later${i}`);
    await until(
      "the others have handled it",
      async () => await handled("quick") === 3 + i && await handled("slow") === 3 + i,
    );
    times.push(performance.now() - begun);
  }
  // With the publisher's start, on two cores, one of them burnt. One that is held up would never get there.
  assert(times.filter((ms) => ms < 1_500).length >= 5, `${times} ms`);
  const metrics = await daemon.metrics();
  for (const consumer of ["quick", "slow"]) {
    assertMatch(metrics, new RegExp(`events_handled_total\\{consumer="test:${consumer}",stream="[^"]+"\\} 13\n`));
  }
  assertMatch(metrics, /events_consumer_process_up\{consumer="test:burning"\} 1\n/);
  assertMatch(metrics, /events_consumer_process_restarts_total\{consumer="test:dying"\} [1-9]\n/);
  assertEquals(metrics.match(/# TYPE events_handled_total/g)?.length, 1);
  await sql`INSERT INTO public.cure VALUES (1)`;
  await until("the one that died has started again", async () => await handled("dying") === 13, HANG_MS);
  assertEquals((await sql`SELECT FROM public.effect WHERE run_permission = 'granted'`).length, 0);
  const children = childProcesses(daemon.pid);
  daemon.kill("SIGTERM");
  assertEquals(await daemon.ended, 1); // One was busy in a loop, and had to be killed.
  assertStringIncludes(daemon.output, "Killing a consumer's process that does not end consumer=test:burning");
  assertEquals(children.filter(isAlive), []);
  assertEquals(await heldLeases(pipeline), 1);
});

Deno.test("consume --isolate stops cleanly, also when an init system sends its signal to every process", async () => {
  await using pipeline = await harmfulPipeline();
  const { sql, send, handled } = pipeline;
  await using daemon = await pipeline.consume(["--isolate"], { CONSUMER_STOP_SECONDS: "20" });
  await using lock = await sql.reserve().then((reserved) => ({
    reserved,
    [Symbol.asyncDispose]: () => Promise.resolve(reserved.release()),
  }));
  await lock.reserved`SELECT pg_advisory_lock(1)`;
  await send("wait", "behind");
  await until(
    "it has an event in hand",
    async () =>
      (await sql`SELECT FROM pg_locks JOIN pg_database d ON d.oid = database
               WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()`).length === 1,
    HANG_MS,
  );
  const children = childProcesses(daemon.pid);
  for (const pid of children) Deno.kill(pid, "SIGTERM");
  daemon.kill("SIGTERM");
  await until("the idle ones have let go", async () => await heldLeases(pipeline) === 1);
  await lock.reserved`SELECT pg_advisory_unlock(1)`;
  assertEquals(await daemon.ended, 0, daemon.output);
  // The one in hand is finished, and the one behind it is not begun.
  assertEquals([await handled("slow"), await heldLeases(pipeline), children.filter(isAlive)], [1, 0, []]);
});

Deno.test("consume --isolate killed with -9 leaves no process behind, not even one that is busy in a loop or stopped", async () => {
  await using pipeline = await harmfulPipeline();
  const { sql, send, handled } = pipeline;
  await using daemon = await pipeline.consume(["--isolate"], { CONSUMER_STOP_SECONDS: "15" });
  await send("before", "burn", "behind");
  await until(
    "one burns",
    async () => /nothing for/.test((await daemon.faults())?.["consumer:test:burning"] ?? ""),
    HANG_MS,
  );
  await until("another has handled all", async () => await handled("slow") === 3);
  const [slow] = await sql`SELECT pid FROM public.effect WHERE consumer = 'slow' LIMIT 1`;
  Deno.kill(slow!["pid"], "SIGSTOP");
  const children = childProcesses(daemon.pid);
  assertEquals(children.length, 5); // Four consumers and the guard
  daemon.kill("SIGKILL");
  await whenGone(children);
  assertEquals(await heldLeases(pipeline), 1); // The others have stopped cleanly.
});

Deno.test("consume --isolate that loses its guard against orphans starts another", {
  ignore: Deno.build.os !== "linux", // Others have no /proc
}, async () => {
  await using pipeline = await harmfulPipeline();
  await using daemon = await pipeline.consume(["--isolate", "--only", "test:burning"]);
  await pipeline.send("burn");
  await until(
    "it burns",
    async () => /nothing for/.test((await daemon.faults())?.["consumer:test:burning"] ?? ""),
    HANG_MS,
  );
  const guards = (): number[] =>
    childProcesses(daemon.pid).filter((pid) => Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes("orphan_guard"));
  const [first] = guards();
  Deno.kill(first!, "SIGKILL");
  await until("there is another one", () => guards().some((pid) => pid !== first));
  const children = childProcesses(daemon.pid);
  daemon.kill("SIGKILL");
  await whenGone(children);
});

Deno.test("consume --only runs the consumers it is given, and names those there are when one is unknown", async () => {
  await using pipeline = await harmfulPipeline();
  const { sql, send, handled } = pipeline;
  await send("burn", "die");
  for (const isolate of [[], ["--isolate"]]) {
    await using daemon = await pipeline.consume([
      "--once",
      "--only",
      "test:quick",
      "--only",
      "test:slow",
      ...isolate,
    ]);
    assertEquals(await daemon.ended, 0, daemon.output);
    assertEquals([await handled("quick"), await handled("slow"), await handled("dying")], [2, 2, 0]);
    assertEquals((await sql`SELECT FROM public.effect WHERE run_permission = 'granted'`).length, 0);
    await sql`TRUNCATE public.effect`;
    await sql`DELETE FROM events.processed_event`;
    await sql`UPDATE events.stream_lease SET checkpoint = '0-0' WHERE role LIKE 'consumer:%'`;
    await using wrong = await pipeline.consume(["--only", "test:quikc", ...isolate]);
    assertEquals(await wrong.ended, 1);
    assertStringIncludes(
      wrong.output,
      "Cannot run only 'test:quikc': the handlers files have 'test:burning', 'test:dying', 'test:quick', 'test:slow'",
    );
  }
});

Deno.test("consume --isolate --once fails when a consumer does", async () => {
  await using pipeline = await harmfulPipeline();
  await pipeline.send("die");
  await using daemon = await pipeline.consume([
    "--isolate",
    "--once",
    "--only",
    "test:quick",
    "--only",
    "test:dying",
  ]);
  assertEquals(await daemon.ended, 1);
  assertStringIncludes(daemon.output, "Cannot finish 'test:dying': its process ended with exit code 7");
  assertEquals(await pipeline.handled("quick"), 1);
});
