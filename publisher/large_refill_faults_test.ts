import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { startRedis } from "@events-pipeline/local";
import { startDaemon } from "@events-pipeline/local/daemon_process";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals } from "@std/assert";

const EVENTS = 1_000_000;
const MINUTE = 60_000;

/** The most memory that a process has had at once, in MiB. */
async function peakMemory(pid: number): Promise<number> {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]) / 1_024;
}

Deno.test(
  "publisher refills 1,000,000 entries that Redis lost, under their ids, in bounded memory, and tells how far it is",
  {
    ignore: Deno.build.os !== "linux", // Others have no /proc
  },
  async () => {
    await using server = await startRedis({ persistence: "none", extraConfig: { "enable-debug-command": "yes" } });
    await using pipeline = await testPipeline({ redisUrl: server.url });
    const { redis, stream } = pipeline;
    const sql = connectPostgres(pipeline.databaseUrl, { applicationName: "test" });
    let output = "";
    const daemon = await startDaemon("publisher", {
      environment: { DATABASE_URL: pipeline.databaseUrl, REDIS_URL: server.url, PUBLISHER_VERIFY_SECONDS: "1" },
      onFailure: (text) => output = text,
    });
    const whenLong = () =>
      until("all events are in the stream", async () => await redis.call("XLEN", stream) === EVENTS, 3 * MINUTE);
    const digest = async () => String((await redis.call("DEBUG", "DIGEST-VALUE", stream) as string[])[0]);
    try {
      await sql`
      INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
      SELECT gen_random_uuid(), ${stream}, 'WidgetCreated', json_build_object('widget_id', g, 'owner_id', 'o')
      FROM generate_series(1, ${EVENTS}::int) AS g`;
      await whenLong();
      const before = await digest();
      await redis.call("FLUSHALL");
      await whenLong();
      assertEquals(await digest(), before);
      const peak = await peakMemory(daemon.pid);
      assert(peak < 150, `${peak} MiB`);
    } finally {
      // Not SIGTERM: what it has printed is told for a failure only.
      daemon.kill("SIGKILL");
      await daemon.ended;
      await closePostgres(sql);
    }
    const told = [...output.matchAll(/Refilling a stream that lost entries .* events=(\d+) remaining=(\d+)/g)];
    assert(told.length > 1, output);
    for (const [line, events, remaining] of told) assertEquals(Number(events) + Number(remaining), EVENTS, line);
    assert(/Refilled a stream that lost entries .* events=1000000/.test(output), output);
  },
);
