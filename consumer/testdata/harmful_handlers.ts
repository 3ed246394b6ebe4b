/**
 * Consumers of the stream `TEST_STREAM` that do harm to their process at the widget which is named so, until `public.cure` has a row.
 * What befalls one of them shall not befall `test:quick`.
 *
 * @module
 */
import { defineStreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, type ConsumerContext, defineConsumer } from "@events-pipeline/consumer";
import type { TransactionSql } from "postgres";

console.log("Handlers files may print something when they are loaded");

function consumer(
  name: string,
  harm: (widget: string, tx: TransactionSql, context: ConsumerContext) => Promise<void> | void,
): Consumer {
  return defineConsumer({
    stream: defineStreamName(Deno.env.get("TEST_STREAM")!),
    name: `test:${name}`,
    events: [WidgetCreated],
    async handle({ payload }, context, tx) {
      if ((await tx`SELECT FROM public.cure`).length === 0) await harm(payload.widget_id, tx, context);
      await tx`INSERT INTO public.effect (consumer, event_id, pid, run_permission)
               VALUES (${name}, ${context.eventId}, ${Deno.pid}, ${Deno.permissions.querySync({ name: "run" }).state})`;
    },
  });
}

/** Does no harm. */
export const quick: Consumer = consumer("quick", () => {});

/** Never lets its process do anything else. */
export const burning: Consumer = consumer("burning", (widget) => {
  while (widget === "burn");
});

/** Ends its process. */
export const dying: Consumer = consumer("dying", (widget) => {
  if (widget === "die") Deno.exit(7);
});

/** Waits for a lock that the test holds. */
export const slow: Consumer = consumer("slow", async (widget, tx) => {
  if (widget === "wait") await tx`SELECT pg_advisory_xact_lock(1)`;
});
