/**
 * An archiver that sends itself a signal at a step: `failing_archiver.ts STEP NTH SIGNAL`. It archives to ARCHIVE_URL, in segments of
 * 20 entries.
 *
 * @module
 */
import { connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import type { ArchiveStep } from "../archive_stream.ts";
import { runArchiver } from "../archiver.ts";
import { openStore } from "../open_store.ts";

const [step, nth, signal] = Deno.args as [ArchiveStep, string, Deno.Signal];
const sql = connectPostgres(Deno.env.get("DATABASE_URL")!, { applicationName: "failing-archiver", connections: 3 });
const redis = connectRedis(Deno.env.get("REDIS_URL")!, { clientName: "failing archiver" });
const endpoint = Deno.env.get("AWS_ENDPOINT_URL_S3");
const store = await openStore(Deno.env.get("ARCHIVE_URL")!, {
  ...(endpoint === undefined ? {} : { endpoint, region: "us-east-1", pathStyle: true }),
});
let passes = 0;
await runArchiver({
  ...{ sql, redis, store, signal: new AbortController().signal },
  ...{ segmentCount: 20, segmentAgeMs: 1, pollMs: 50, leaseMs: 1_000, backoff: { baseMs: 50, maxMs: 500 } },
  atStep(passed) {
    if (passed !== step || ++passes !== Number(nth)) return;
    Deno.kill(Deno.pid, signal);
    // A stop takes effect at once, a kill within this turn of the loop.
    const until = performance.now() + 1_000;
    while (signal === "SIGKILL" && performance.now() < until);
  },
});
