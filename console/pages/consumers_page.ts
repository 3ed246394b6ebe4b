import type { ConsumerOverview } from "@events-pipeline/cli/status/overview";
import { duration } from "@events-pipeline/cli/status/quantities";
import { consumerStalls } from "@events-pipeline/cli/status/stalls";
import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { empty, filterForm, hidden, type Html, nextPage, page, type PageFrame, time } from "../layout.ts";
import { overviewOf } from "../sources.ts";
import { numbers, table } from "../table.ts";
import { counted, number } from "../words.ts";

const PAGE_ROWS = 50;

const COLUMNS = [
  "Consumer",
  "State",
  numbers("Lag"),
  "Checkpoint",
  numbers("Dead letters"),
  "Owner",
  "Fails on",
] as const;

/** Serves the consumers, and the forms that control them. */
export function serveConsumers(app: ConsoleApp, options: ConsoleOptions): void {
  app.get("/consumers", async (c) => {
    const [after, search] = [c.req.query("after"), c.req.query("search")?.trim() ?? ""];
    const { at, consumers } = await overviewOf(options);
    const found = consumers.filter(({ consumer }) => consumer.includes(search));
    const from = after === undefined ? 0 : found.findIndex((consumer) => keyOf(consumer) === after) + 1;
    const shown = found.slice(from, from + PAGE_ROWS);
    const next = from + PAGE_ROWS < found.length ? keyOf(shown.at(-1)!) : undefined;
    const frame = c.get("frame");
    const none = consumers.length === 0
      ? empty("No consumer has ever begun", html`<code>deno task consume --handlers FILE</code> runs those of a file.`)
      : empty("No consumer has such a name", html`<a href="/consumers">Show all ${number(consumers.length)}</a>`);
    const list = html`<p class="muted">${counted(found.length, "consumer")}</p>${
      table(
        "Consumers",
        [...COLUMNS, ...(frame.allowActions ? ["Actions"] : [])],
        shown.map((consumer) => cells(consumer, frame, at, options)),
      )
    }${nextPage("/consumers", { search }, next)}`;
    const body = html`${
      consumers.length === 0 ? "" : filterForm("/consumers", [
        { name: "search", title: "Name contains", value: search },
      ], "Filter")
    }${shown.length === 0 ? none : list}`;
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
  { stalledSeconds }: ConsoleOptions,
): readonly unknown[] {
  const { failing, lag, state } = consumer;
  const isStalled = consumerStalls(consumer, { at }, stalledSeconds).length > 0;
  return [
    html`<strong>${consumer.consumer}</strong><br><span class="muted">${consumer.stream}</span>`,
    html`<span class="state ${isStalled ? "stalled" : state}">${state}</span>`,
    lag.seconds === undefined
      ? number(lag.events)
      : html`${number(lag.events)}<br><span class="muted">for ${duration(lag.seconds)}</span>`,
    html`<code>${consumer.checkpoint}</code><br><span class="muted">${time(consumer.updatedAt)}</span>`,
    consumer.deadLetters === 0
      ? "0"
      : html`<a href="/dead-letters?consumer=${encodeURIComponent(consumer.consumer)}">${
        number(consumer.deadLetters)
      }</a>`,
    consumer.owner === undefined
      ? html`<span class="muted">nobody</span>`
      : html`<code>${consumer.owner.slice(0, 8)}</code>`,
    failing === undefined ? "" : html`<a href="/events/${failing.eventId}"><code>${failing.eventId}</code></a><br>
<span class="muted">${counted(failing.attempts, "attempt")}, again ${time(failing.retryAt)}</span>
<span class="fault">${failing.error}</span>`,
    ...(frame.allowActions ? [controls(consumer, frame)] : []),
  ];
}

function controls({ consumer, stream, state }: ConsumerOverview, { csrf }: PageFrame): Html {
  const verb = state === "paused" ? "resume" : "pause";
  const title = `${consumer} on ${stream}`;
  return html`
    <div class="controls">
      <form method="post" action="/consumers/${verb}">${hidden({ csrf, consumer, stream })}
    <button aria-label="${verb} ${title}">${verb === "pause" ? "Pause" : "Resume"}</button></form>
      <details>
        <summary aria-label="Reset ${title}">Reset…</summary>
        <form method="post" action="/consumers/reset">${hidden({ csrf, consumer, stream })}
    <label>To an entry id, a date, or beginning <input name="to" required autocomplete="off"></label>
    <label class="sure"><input type="checkbox" name="confirm" value="yes" required> I am sure: put back, it handles events again;
    put forward, it never handles some</label>
    <button class="danger">Reset</button></form>
      </details>
    </div>
  `;
}
