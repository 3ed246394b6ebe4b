import { defineEvent } from "@events-pipeline/common";
import { connectRedis } from "@events-pipeline/common/redis";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvent, sendEvents } from "@events-pipeline/producer";
import { assertEquals, assertMatch } from "@std/assert";
import { z } from "zod";
import { libraries } from "../producer/testdata/libraries.ts";
import { defineConsumer } from "./define_consumer.ts";
import { runConsumers } from "./run_consumers.ts";
import { runHandler } from "./testing/run_handler.ts";

const Counted = defineEvent("LibraryTestCounted", { n: z.number() });

Deno.test("a handler gets its library's transaction, with which dedup row and checkpoint commit", async (t) => {
  await using pipeline = await testPipeline();
  const { sql, stream, redis, redisUrl, databaseUrl } = pipeline;
  const blockingRedis = connectRedis(redisUrl, { clientName: "test", commandTimeoutMs: 60_000 });
  await sql`CREATE TABLE public.effect (consumer text NOT NULL, n integer NOT NULL)`;
  await sql`CREATE TABLE public.late (n integer)`;
  const events = Array.from({ length: 30 }, (_, n) => Counted.create({ n }));
  await sql.begin((tx) => sendEvents(tx, { stream, events }));
  await pipeline.publish();
  for (const library of libraries) {
    await t.step(library.name, async () => {
      await using open = await library.open(databaseUrl, 3);
      const name = `test:${library.name.replaceAll(/[^a-z]+/g, "_")}`;
      const failures: string[] = [];
      let late: (() => Promise<unknown>) | undefined;
      const consumer = defineConsumer({
        stream,
        name,
        events: [Counted],
        database: open.database,
        retryMs: 20,
        maxBatch: 10,
        async handle({ payload: { n } }, { attempt }, tx) {
          await open.execute(tx, `INSERT INTO public.effect VALUES ('${name}', ${n})`);
          if (n === 7) await open.sendEvent(tx, { stream, event: Counted.create({ n: 1_000 }) });
          late ??= async () => await open.execute(tx, "INSERT INTO public.late VALUES (1)");
          if (n === 12 && attempt < 2) throw new Error("once");
          // What a handler passes over cannot be committed.
          if (n === 20 && attempt < 2) await open.execute(tx, "SELECT 1 / 0").catch(() => {});
        },
      });
      const logger = {
        debug() {},
        info() {},
        warn: (message: string) => void failures.push(message),
        error: (message: string) => void failures.push(message),
      };
      const signal = AbortSignal.timeout(60_000);
      await runConsumers([consumer], { sql, redis, blockingRedis, once: true, signal, logger });
      const effects = await sql`SELECT n FROM public.effect WHERE consumer = ${name} AND n < 1000 ORDER BY n`;
      assertEquals(effects.map((row) => row["n"]), events.map((event) => event.payload.n));
      const [done] = await sql`
        SELECT checkpoint, (SELECT count(*)::int FROM events.processed_event WHERE consumer_name = ${name}) AS handled
        FROM events.stream_lease WHERE role = ${`consumer:${name}`}`;
      const position = Number(done!["checkpoint"].split("-")[1]);
      assertEquals(done!["handled"], position);
      assertEquals(failures.length > 0, true);
      // The event that was sent inside tells its cause.
      const [caused] = await sql`
        SELECT metadata->>'causation_id' AS cause, o.event_id = (metadata->>'correlation_id')::uuid AS same
        FROM events.outbox_event o WHERE (payload->>'n')::int = 1000 ORDER BY id DESC LIMIT 1`;
      assertMatch(caused!["cause"], /^[0-9a-f-]{36}$/);
      // What goes on with the transaction when it is over has no effect.
      await late!().catch(() => {});
      assertEquals((await sql`SELECT FROM public.late`).length, 0);
      // And runHandler() rolls back.
      const { outcome, seen } = await runHandler(consumer, Counted.create({ n: 99 }), {
        inspect: (tx) => tx`SELECT n FROM public.effect WHERE n = ${99}`,
      });
      assertEquals([outcome, seen!.map((row) => row["n"])], [{ kind: "handled" }, [99]]);
      assertEquals((await sql`SELECT FROM public.effect WHERE n = 99`).length, 0);
    });
  }
  await blockingRedis.close();
});

Deno.test("a handler that ends its library's transaction has failed", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream, redis, redisUrl, databaseUrl } = pipeline;
  const blockingRedis = connectRedis(redisUrl, { clientName: "test", commandTimeoutMs: 60_000 });
  await using open = await libraries.find(({ name }) => name === "node-postgres")!.open(databaseUrl, 2);
  const consumer = defineConsumer({
    stream,
    name: "test:ends",
    events: [Counted],
    database: open.database,
    deadLetterAfter: 1,
    async handle(_event, _context, tx) {
      await open.execute(tx, "COMMIT");
    },
  });
  await sql.begin((tx) => sendEvent(tx, { stream, event: Counted.create({ n: 1 }) }));
  await pipeline.publish();
  await runConsumers([consumer], { sql, redis, blockingRedis, once: true, signal: AbortSignal.timeout(60_000) });
  const [letter] = await sql`SELECT error FROM events.dead_letter`;
  assertMatch(letter!["error"], /the handler committed it or rolled it back/);
  await blockingRedis.close();
});
