import { acquireLease } from "@events-pipeline/common/lease";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { deferred } from "@events-pipeline/common/deferred";
import { testPipeline } from "@events-pipeline/local/test_pipeline";
import { until } from "@events-pipeline/local/until";
import { sendEvents } from "@events-pipeline/producer";
import { assertEquals } from "@std/assert";
import { readFailingEvent } from "./consumer_state.ts";
import { defineConsumer } from "./define_consumer.ts";
import { liveConsumers } from "./testdata/live_consumers.ts";

Deno.test("a worker that has lost its lease unawares notes no failure for its successor", async () => {
  await using pipeline = await testPipeline();
  const { sql, stream } = pipeline;
  await sql.begin((tx) =>
    sendEvents(tx, { stream, events: [WidgetCreated.create({ widget_id: "w", owner_id: "o" })] })
  );
  await pipeline.publish();
  const entered = deferred<void>();
  const go = deferred<void>();
  const key = { consumer: "test:late", stream };
  const consumer = defineConsumer({
    ...{ stream, name: key.consumer, events: [WidgetCreated], retryMs: 60_000 },
    async handle() {
      entered.resolve();
      await go.promise;
      throw new Error("It failed when it was over");
    },
  });
  const told: string[] = [];
  const tell = (message: string): void => void told.push(message);
  const logger = { debug: tell, info: tell, warn: tell, error: tell };
  // It renews its lease so seldom that it does not notice, as a process does not that was paused.
  await using _live = liveConsumers(pipeline, [consumer], { leaseMs: 3_600_000, logger });
  await entered.promise;
  await sql`UPDATE events.stream_lease SET lease_until = clock_timestamp() - interval '1 s' WHERE role LIKE 'consumer:%'`;
  const next = { ownerId: "next", leaseMs: 60_000 };
  const successor = await acquireLease(sql, { stream, role: "consumer:test:late" }, next);
  go.resolve();
  assertEquals(successor?.fencingToken, "2");
  await until("the handler has failed, and the loss is noticed", () => told.includes("Lost the lease"));
  assertEquals(await readFailingEvent(sql, key), undefined);
});
