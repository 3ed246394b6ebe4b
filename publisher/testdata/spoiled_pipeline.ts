import { assertRight, checkPipeline } from "@events-pipeline/checker";
import type { Event } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { sleep } from "@events-pipeline/common/retry";
import { startTcpProxy, type TcpProxy } from "@events-pipeline/local/tcp_proxy";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";

/** A pipeline whose publisher reaches both servers through proxies, while others reach them directly. */
export interface SpoiledPipeline extends TestPipeline {
  /** In front of PostgreSQL. */
  readonly postgres: TcpProxy;
  /** In front of Redis. */
  readonly redisProxy: TcpProxy;
  /** Sends so many events, directly. */
  send(count?: number): Promise<void>;
  /** Sends a few events every `ms` milliseconds until the signal fires. */
  keepSending(ms: number, signal: AbortSignal): Promise<void>;
  /** Waits until every event that was sent is in the stream. */
  whenPublished(ms?: number): Promise<void>;
  /** Asserts that the stream holds what was sent, once and in order, and that all of the outbox is marked. */
  check(): Promise<void>;
}

/** Sets up a pipeline with a proxy in front of each server. */
export async function spoiledPipeline(): Promise<SpoiledPipeline> {
  await using cleanUp = new AsyncDisposableStack();
  const pipeline = cleanUp.use(await testPipeline());
  const { sql, redis, stream } = pipeline;
  const postgres = cleanUp.use(await startTcpProxy(pipeline.databaseUrl));
  const redisProxy = cleanUp.use(await startTcpProxy(pipeline.redisUrl));
  const sent: string[] = [];
  const send = async (count = 5): Promise<void> => {
    sent.push(...await sql.begin((tx) => sendEvents(tx, { stream, events: widgets(count) })));
  };
  const owned = cleanUp.move();
  return {
    ...pipeline,
    postgres,
    redisProxy,
    send,
    async keepSending(ms, signal) {
      while (!signal.aborted) {
        await send(25);
        await sleep(ms, signal);
      }
    },
    async whenPublished(ms) {
      await until("everything is in the stream", async () => await redis.call("XLEN", stream) === sent.length, ms);
    },
    async check() {
      await until(
        "everything is marked",
        async () => (await sql`SELECT FROM events.outbox_event WHERE published_at IS NULL LIMIT 1`).length === 0,
      );
      const truth = new Map([[stream, sent]]);
      assertRight(await checkPipeline({ sql, redis, streams: [stream], sent: truth, complete: true }));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function widgets(count: number): Event[] {
  return Array.from({ length: count }, (_, i) => WidgetCreated.create({ widget_id: `w${i}`, owner_id: "o" }));
}
