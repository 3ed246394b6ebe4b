import { WidgetCreated } from "@events-pipeline/common/schemas";
import { type Consumer, defineConsumer } from "@events-pipeline/consumer";
import { BENCH_STREAM } from "./bench_consumers.ts";

/** Notes when each event has come to its handler, by the clock that all processes of the machine share. */
export const latency: Consumer = defineConsumer({
  stream: BENCH_STREAM,
  name: "bench:latency",
  events: [WidgetCreated],
  async handle(event, { eventId }, tx) {
    const now = performance.timeOrigin + performance.now();
    await tx`
      INSERT INTO bench.effect (consumer, event_id, widget_id, handled_ms)
      VALUES ('bench:latency', ${eventId}, ${event.payload.widget_id}, ${now})`;
  },
});
