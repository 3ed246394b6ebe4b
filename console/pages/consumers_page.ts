import type { ConsumerOverview } from "@events-pipeline/cli/status/overview";
import { duration } from "@events-pipeline/cli/status/quantities";
import { consumerStalls } from "@events-pipeline/cli/status/stalls";
import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { hidden, type Html, nextPage, page, type PageFrame, table, time } from "../layout.ts";
import { overviewOf } from "../sources.ts";

const PAGE_ROWS = 50;

/** Serves the consumers, and the forms that control them. */
export function serveConsumers(app: ConsoleApp, options: ConsoleOptions): void {
  app.get("/consumers", async (c) => {
    const [after, search] = [c.req.query("after"), c.req.query("search") ?? ""];
    const { at, consumers } = await overviewOf(options);
    const found = consumers.filter(({ consumer }) => consumer.includes(search));
    const from = after === undefined ? 0 : found.findIndex((consumer) => keyOf(consumer) === after) + 1;
    const shown = found.slice(from, from + PAGE_ROWS);
    const next = from + PAGE_ROWS < found.length ? keyOf(shown.at(-1)!) : undefined;
    const frame = c.get("frame");
    const body =
      html`<form method="get" class="filter" role="search"><label>Name contains <input name="search" value="${search}"></label>
<button>Filter</button></form>${
        shown.length === 0
          ? html`<p>${search === "" ? "No consumer has ever begun." : "No consumer has such a name."}</p>`
          : html`<p class="muted">${found.length} in all</p>${
            table(
              "Consumers",
              [
                "Consumer",
                "State",
                "Lag",
                "Checkpoint",
                "Dead letters",
                "Owner",
                "Fails on",
                ...(frame.allowActions ? ["Actions"] : []),
              ],
              shown.map((consumer) => cells(consumer, frame, at, options)),
            )
          }${nextPage("/consumers", { search }, next)}`
      }`;
    return c.html(page(frame, "Consumers", body));
  });
}

function keyOf({ consumer, stream }: ConsumerOverview): string {
  return `${consumer}|${stream}`;
}

function cells(
  consumer: ConsumerOverview,
  frame: PageFrame,
  at: number,
  { mask, stalledSeconds }: ConsoleOptions,
): readonly unknown[] {
  const { failing } = consumer;
  const stalls = consumerStalls(consumer, { at }, stalledSeconds);
  return [
    html`<strong>${consumer.consumer}</strong><br><span class="muted">${consumer.stream}</span>`,
    html`<span class="state ${stalls.length === 0 ? consumer.state : "stalled"}">${consumer.state}</span>`,
    consumer.lag.seconds === undefined
      ? consumer.lag.events
      : `${consumer.lag.events}, ${duration(consumer.lag.seconds)}`,
    html`${consumer.checkpoint}<br><span class="muted">${time(consumer.updatedAt)}</span>`,
    consumer.deadLetters === 0
      ? 0
      : html`<a href="/dead-letters?consumer=${encodeURIComponent(consumer.consumer)}">${consumer.deadLetters}</a>`,
    consumer.owner?.slice(0, 8) ?? "nobody",
    failing === undefined
      ? ""
      : html`<a href="/events/${failing.eventId}">${failing.eventId}</a>, ${failing.attempts} attempts,
again ${time(failing.retryAt)}<pre>${
        mask.hidesFields ? "The error is not shown: fields are masked" : failing.error
      }</pre>`,
    ...(frame.allowActions ? [controls(consumer, frame)] : []),
  ];
}

function controls({ consumer, stream, state }: ConsumerOverview, { csrf }: PageFrame): Html {
  const verb = state === "paused" ? "resume" : "pause";
  const title = `${consumer} on ${stream}`;
  return html`
    <form method="post" action="/consumers/${verb}">${hidden({ csrf, consumer, stream })}
    <button aria-label="${verb} ${title}">${verb === "pause" ? "Pause" : "Resume"}</button></form>
    <details>
      <summary aria-label="Reset ${title}">Reset…</summary>
      <form method="post" action="/consumers/reset">${hidden({ csrf, consumer, stream })}
    <label>To an entry id, a date, or beginning <input name="to" required></label>
    <label><input type="checkbox" name="confirm" value="yes" required> I am sure: put back, it handles events again; put forward, it never handles some</label>
    <button class="danger">Reset</button></form>
    </details>
  `;
}
