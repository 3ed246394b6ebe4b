import { parseEntryId } from "@events-pipeline/common";
import { readLease } from "@events-pipeline/common/lease";
import { sleep } from "@events-pipeline/common/retry";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals } from "@std/assert";
import type { ConsumeDaemon } from "./testdata/consume_daemon.ts";
import { type EffectPipeline, effectPipeline } from "./testdata/effect_pipeline.ts";

const EVENTS = 100_000;
const MINUTE = 60_000;

/** Milliseconds between two numbers. */
const between = (least: number, most: number): number => least + Math.random() * (most - least);

/** A place for a worker: what befalls the one in it, and who comes after it. */
async function keepBreaking(pipeline: EffectPipeline, done: AbortSignal, faults: string[]): Promise<ConsumeDaemon> {
  let worker = await pipeline.consume();
  while (true) {
    await sleep(between(1_000, 6_000), done);
    if (done.aborted) return worker;
    if (Math.random() < 0.5) {
      faults.push("SIGKILL");
      await worker[Symbol.asyncDispose]();
      worker = await pipeline.consume();
    } else {
      faults.push("SIGSTOP");
      worker.kill("SIGSTOP");
      await sleep(between(200, 3_000), done); // Its lease is a second.
      worker.kill("SIGCONT");
    }
  }
}

Deno.test("consume: three instances, killed with -9 and paused all the while, handle 100,000 events once each, in order", async () => {
  await using pipeline = await effectPipeline();
  const { sql, stream } = pipeline;
  await using _publisher = await pipeline.publisher();
  const done = new AbortController();
  const faults: string[] = [];
  const places = [1, 2, 3].map(() => keepBreaking(pipeline, done.signal, faults));
  try {
    // A fifth at once, so that they are far behind; the rest as fast as they go, for a minute.
    for (let sent = 0; sent < EVENTS;) {
      const count = sent === 0 ? EVENTS / 5 : EVENTS / 100;
      await sql`
        INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload)
        SELECT gen_random_uuid(), ${stream}, 'WidgetCreated', json_build_object('widget_id', g::text, 'owner_id', 'o')
        FROM generate_series(1, ${count}::int) AS g`;
      sent += count;
      await sleep(MINUTE / 80);
    }
    const role = "consumer:test:effect";
    await until(
      "all are handled",
      async () => parseEntryId((await readLease(sql, { stream, role }))!.checkpoint).position === EVENTS,
      8 * MINUTE,
    );
  } finally {
    done.abort();
    const workers = await Promise.all(places);
    // One that has just been started does not hear a signal yet.
    for (const worker of workers) await until("it listens", async () => await worker.faults() !== undefined);
    for (const worker of workers) worker.kill("SIGTERM");
    assertEquals(await Promise.all(workers.map((worker) => worker.ended)), [0, 0, 0]);
  }
  await pipeline.check();
  const count = (fault: string): number => faults.filter((one) => one === fault).length;
  assert(count("SIGKILL") >= 5 && count("SIGSTOP") >= 5, faults.join());
  const tenures = await sql`SELECT fencing_token::int AS tenures FROM events.stream_lease WHERE role LIKE 'consumer:%'`;
  assert(tenures[0]!["tenures"] > 5);
});
