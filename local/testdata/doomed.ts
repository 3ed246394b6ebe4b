/**
 * Starts both servers, prints what they are made of, and waits to be killed. With the argument
 * `frozen`, PostgreSQL is frozen and Redis has crashed by then.
 */
import { startPostgres } from "../postgres.ts";
import { startRedis } from "../redis.ts";
import { tracesOf } from "./traces.ts";

const postgres = await startPostgres();
const redis = await startRedis();
const traces = [tracesOf(postgres), tracesOf(redis)];
if (Deno.args[0] === "frozen") {
  postgres.kill("SIGSTOP");
  await redis.crash();
}
console.log(JSON.stringify(traces));
setInterval(() => {}, 1_000);
