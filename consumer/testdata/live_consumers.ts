import { Health } from "@events-pipeline/common/health";
import { connectRedis } from "@events-pipeline/common/redis";
import type { TestPipeline } from "@events-pipeline/local/test_pipeline";
import type { Consumer } from "../define_consumer.ts";
import { OutboxHistory } from "../history.ts";
import { runConsumers, type RunConsumersOptions } from "../run_consumers.ts";

/** Consumers that run inside a test until they are disposed of. */
export interface LiveConsumers extends AsyncDisposable {
  /** What they say is wrong. */
  readonly health: Health;
}

/** Starts consumers on a pipeline. */
export function liveConsumers(
  pipeline: TestPipeline,
  consumers: readonly Consumer[],
  options: Partial<RunConsumersOptions> = {},
): LiveConsumers {
  const { sql, redis } = pipeline;
  const blockingRedis = connectRedis(pipeline.redisUrl, { clientName: "test", commandTimeoutMs: 15_000 });
  const stop = new AbortController();
  const health = new Health();
  const running = runConsumers(consumers, {
    ...{ sql, redis, blockingRedis, health, signal: stop.signal, history: new OutboxHistory(sql), leaseMs: 2_000 },
    ...options,
  });
  return {
    health,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await blockingRedis.close();
    },
  };
}
