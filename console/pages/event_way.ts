import { traceFound } from "@events-pipeline/cli/trace/event_trace";
import { duration } from "@events-pipeline/cli/status/quantities";
import { hopsOf } from "@events-pipeline/cli/trace/trace_text";
import { html } from "hono/html";
import type { ConsoleOptions } from "../console_app.ts";
import type { WholeEvent } from "../find_event.ts";
import { type Html, time } from "../layout.ts";
import { numbers, table } from "../table.ts";
import { troubleOf } from "../trouble.ts";

/**
 * The way of an event, hop by hop. When Redis or the archive does not answer, that is told in its place: what the database knows is
 * shown all the same.
 */
export async function eventWay(event: WholeEvent, options: ConsoleOptions): Promise<Html> {
  const { outbox: sql, sql: consumerSql, redis, store, mask } = options;
  const title = html`<h2>Its way</h2>`;
  try {
    const trace = await traceFound({ sql, consumerSql, redis, store }, event);
    const hops = hopsOf(trace, { hidesErrors: mask.hidesFields });
    const rows = hops.map(({ what, at, detail }) => [
      what,
      at === undefined ? "" : time(at),
      at === undefined ? "" : duration(Math.max(0, at.getTime() - event.sentAt.getTime()) / 1_000),
      detail,
    ]);
    const away = trace.redisFault === undefined
      ? ""
      : html`<p class="error" role="alert">Redis does not answer: ${trace.redisFault}</p>`;
    return html`${title}${away}${table("Its way", ["Hop", "When", numbers("After it was sent"), "What"], rows)}`;
  } catch (error) {
    const trouble = troubleOf(error);
    return html`${title}<p class="error" role="alert">${trouble.title}: ${trouble.text}</p>`;
  }
}
