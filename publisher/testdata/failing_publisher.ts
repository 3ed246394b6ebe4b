/**
 * A publisher that does something to itself at a step of a round: `failing_publisher.ts STEP N SIGNAL` sends itself the signal when it
 * comes to the step for the n-th time. Small batches, so that there are many steps.
 *
 * @module
 */
import { runDaemon } from "@events-pipeline/common/daemon";
import { silentLogger } from "@events-pipeline/common/logger";
import { connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { runPublisher } from "../publisher.ts";

const [step, nth, signal] = Deno.args;
const url = Deno.env.get("DATABASE_URL")!;
let passes = 0;
await runDaemon(silentLogger, ({ stop }) =>
  runPublisher({
    sql: connectPostgres(url, { applicationName: "failing publisher" }),
    wakeUpSql: connectPostgres(url, { applicationName: "failing publisher", connections: 1 }),
    redis: connectRedis(Deno.env.get("REDIS_URL")!, { clientName: "failing publisher" }),
    batchRows: 10,
    idleLimitMs: 500,
    backoff: { baseMs: 20, maxMs: 100 },
    signal: stop,
    atStep(at) {
      if (at === step && ++passes === Number(nth)) Deno.kill(Deno.pid, signal as Deno.Signal);
    },
  }));
