import type { Event } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type TestPipeline, testPipeline } from "@events-pipeline/local/test_pipeline";
import { sendEvents } from "@events-pipeline/producer";
import { type ConsumeDaemon, startConsume } from "./consume_daemon.ts";

/** A pipeline for `harmful_handlers.ts`. */
export interface HarmfulPipeline extends TestPipeline {
  /** Sends widgets of these names, and publishes them. */
  send(...widgets: readonly string[]): Promise<void>;
  /** How many events a consumer has handled. */
  handled(consumer: string): Promise<number>;
  /** Starts `deno task consume` on them. */
  consume(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<ConsumeDaemon>;
}

/** Sets it up. */
export async function harmfulPipeline(): Promise<HarmfulPipeline> {
  const pipeline = await testPipeline();
  const { sql, stream, publish } = pipeline;
  await sql`CREATE TABLE public.cure (id int)`;
  await sql`
    CREATE TABLE public.effect (
      id bigint GENERATED ALWAYS AS IDENTITY, consumer text, event_id uuid, pid int, run_permission text,
      PRIMARY KEY (consumer, event_id))`;
  return {
    ...pipeline,
    async send(...widgets) {
      const events = widgets.map((widget_id): Event => WidgetCreated.create({ widget_id, owner_id: "o" }));
      await sql.begin((tx) => sendEvents(tx, { stream, events }));
      await publish();
    },
    async handled(consumer) {
      return (await sql`SELECT FROM public.effect WHERE consumer = ${consumer}`).length;
    },
    consume: (args, environment = {}) =>
      startConsume(pipeline, {
        handlers: "harmful_handlers.ts",
        args,
        environment: { CONSUMER_STOP_SECONDS: "1", ...environment },
      }),
    [Symbol.asyncDispose]: () => pipeline[Symbol.asyncDispose](),
  };
}
