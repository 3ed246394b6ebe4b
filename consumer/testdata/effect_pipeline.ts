import { assertRight, checkPipeline } from "@events-pipeline/checker";
import { isTransient, sleep } from "@events-pipeline/common/retry";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { transaction } from "@events-pipeline/common/transaction";
import { startDaemon } from "@events-pipeline/local/daemon_process";
import { type TestPipeline, testPipeline, type TestServers } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvent, sendEvents } from "@events-pipeline/producer";
import { type ConsumeDaemon, type ConsumeOptions, startConsume } from "./consume_daemon.ts";

/** Where a consumer can be held up: each of these is amid its transaction. */
export type Point = "in the handler" | "after the handler, before the commit" | "at the commit";

/** All of them. */
export const POINTS: readonly Point[] = ["in the handler", "after the handler, before the commit", "at the commit"];

/** Holds consumers up at a point. */
export interface Barrier {
  /** Waits until a consumer stands in front of it. @returns the id of its database session */
  reached(): Promise<number>;
  /** Lets everybody pass. */
  lift(): Promise<void>;
}

/** A pipeline whose consumer, `effect_handlers.ts`, can be held up. */
export interface EffectPipeline extends TestPipeline {
  /** Sends so many events, and publishes them. */
  send(count: number): Promise<void>;
  /** Sends an event every few milliseconds, until it is disposed of; while the database is away, none. */
  keepSending(): AsyncDisposable;
  /** Starts `deno task publisher`. Disposing of it stops it. */
  publisher(): Promise<AsyncDisposable>;
  /** How many events have their effect. */
  effects(): Promise<number>;
  /** Holds consumers up. */
  barrier(point: Point): Promise<Barrier>;
  /** Starts `deno task consume`, directly or by other URLs. */
  consume(
    environment?: Readonly<Record<string, string>>,
    options?: Partial<ConsumeOptions>,
  ): Promise<ConsumeDaemon>;
  /** Waits until every published event has its effect. */
  whenHandled(ms?: number): Promise<void>;
  /** Waits for that, and asserts that nothing is lost, doubled, out of order or altered, from the outbox to the effects. */
  check(ms?: number): Promise<void>;
}

/** Sets it up. */
export async function effectPipeline(servers: TestServers = {}): Promise<EffectPipeline> {
  const pipeline = await testPipeline(servers);
  const { sql, redis, stream, publish } = pipeline;
  // An event's effect would be written twice, if anybody tried.
  await sql`CREATE TABLE public.effect (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid, pid int,
    at timestamptz NOT NULL DEFAULT clock_timestamp())`;
  await sql`
    CREATE FUNCTION public.barrier() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock_shared(TG_ARGV[0]::int);
      RETURN NEW;
    END $$`;
  await sql`
    CREATE TRIGGER in_the_handler BEFORE INSERT ON public.effect FOR EACH ROW EXECUTE FUNCTION public.barrier(1)`;
  await sql`
    CREATE CONSTRAINT TRIGGER at_the_commit AFTER INSERT ON public.effect DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION public.barrier(2)`;
  /** How many rows there are; `undefined` while the database is away. */
  const count = async (table: string): Promise<number | undefined> => {
    try {
      const [row] = await sql<{ count: number }[]>`SELECT count(*)::int FROM ${sql(table)}`;
      return row!.count;
    } catch (error) {
      if (isTransient(error)) return undefined;
      throw error;
    }
  };
  const whenHandled = async (ms?: number): Promise<void> => {
    let sent: number | undefined;
    await until("every event has its effect", async () => {
      sent ??= await count("events.outbox_event");
      return sent !== undefined && (await count("public.effect") ?? 0) >= sent;
    }, ms);
  };
  return {
    ...pipeline,
    async send(count) {
      const event = WidgetCreated.create({ widget_id: "w", owner_id: "o" });
      await sql.begin((tx) => sendEvents(tx, { stream, events: Array.from({ length: count }, () => event) }));
      await publish();
    },
    keepSending() {
      const stop = new AbortController();
      const sending = (async () => {
        const event = WidgetCreated.create({ widget_id: "w", owner_id: "o" });
        while (!stop.signal.aborted) {
          await transaction(sql, {}, (tx) => sendEvent(tx, { stream, event })).catch(() => {});
          await sleep(5, stop.signal);
        }
      })();
      return {
        async [Symbol.asyncDispose]() {
          stop.abort();
          await sending;
        },
      };
    },
    async publisher() {
      const daemon = await startDaemon("publisher", {
        environment: {
          ...{ DATABASE_URL: pipeline.databaseUrl, REDIS_URL: pipeline.redisUrl },
          ...{ PUBLISHER_POLL_SECONDS: "0.1", PUBLISHER_VERIFY_SECONDS: "0.1" },
        },
      });
      return {
        async [Symbol.asyncDispose]() {
          daemon.kill("SIGTERM");
          await daemon.ended;
        },
      };
    },
    async effects() {
      let effects: number | undefined;
      await until("the database answers", async () => (effects = await count("public.effect")) !== undefined);
      return effects!;
    },
    barrier: (point) => barrier(pipeline, point),
    consume: (environment = {}, options = {}) =>
      startConsume(pipeline, { handlers: "effect_handlers.ts", environment, ...options }),
    whenHandled,
    async check(ms) {
      await whenHandled(ms);
      assertRight(
        await checkPipeline({ sql, redis, streams: [stream], handled: { table: "public.effect" }, complete: true }),
      );
    },
    [Symbol.asyncDispose]: () => pipeline[Symbol.asyncDispose](),
  };
}

async function barrier({ sql }: TestPipeline, point: Point): Promise<Barrier> {
  const session = await sql.reserve();
  await session`BEGIN`;
  if (point === "in the handler") await session`SELECT pg_advisory_xact_lock(1)`;
  else if (point === "at the commit") await session`SELECT pg_advisory_xact_lock(2)`;
  // The checkpoint is the last thing that a worker writes before it commits.
  else await session`SELECT FROM events.stream_lease WHERE role = 'consumer:test:effect' FOR UPDATE`;
  return {
    async reached() {
      let pid: number | undefined;
      await until("a consumer is held up", async () => {
        const [waiting] = await sql<{ pid: number }[]>`
          SELECT a.pid FROM pg_stat_activity a
          JOIN pg_locks e ON e.pid = a.pid AND e.relation = 'public.effect'::regclass AND e.granted
          WHERE a.wait_event_type = 'Lock' AND a.application_name LIKE 'events-consumer%'`;
        pid = waiting?.pid;
        return pid !== undefined;
      });
      return pid!;
    },
    async lift() {
      await session`ROLLBACK`;
      session.release();
    },
  };
}
