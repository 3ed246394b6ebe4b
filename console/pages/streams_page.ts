import { duration, rowCount, size } from "@events-pipeline/cli/status/quantities";
import type { StreamOverview } from "@events-pipeline/cli/status/overview";
import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { empty, type Html, nextPage, page } from "../layout.ts";
import { overviewOf } from "../sources.ts";
import { numbers, table } from "../table.ts";
import { counted, number } from "../words.ts";

const PAGE_ROWS = 50;

/** Serves the streams. */
export function serveStreams(app: ConsoleApp, options: ConsoleOptions): void {
  app.get("/streams", async (c) => {
    const after = c.req.query("after") ?? "";
    const { streams: all, archives, redisFault } = await overviewOf(options);
    const toArchive = new Map(archives.map(({ stream, lag }) => [stream, lag.events]));
    const shown = all.filter(({ stream }) => stream > after).slice(0, PAGE_ROWS);
    const rows = shown.map((facts) => cells(facts, toArchive.get(facts.stream)));
    const head = [
      "Stream",
      numbers("Rate"),
      numbers("Unpublished"),
      "Last entry",
      numbers("In Redis"),
      numbers("Memory"),
      numbers("To archive"),
      "Slowest reader",
      numbers("Lost"),
    ];
    const hint =
      html`The first event that an app sends makes one: <code>deno task send-event</code> sends one by hand.`;
    const body = rows.length === 0
      ? empty("There is no stream yet: nothing was ever sent", hint)
      : html`${
        redisFault === undefined ? "" : html`<p class="error" role="alert">Redis does not answer: ${redisFault}</p>`
      }
<p class="muted">${counted(all.length, "stream")}. The slowest reader holds what is trimmed from Redis.</p>
${table("Streams", head, rows)}${
        nextPage("/streams", {}, shown.at(-1)!.stream < all.at(-1)!.stream ? shown.at(-1)!.stream : undefined)
      }`;
    return c.html(page(c.get("frame"), "Streams", body));
  });
}

function cells(facts: StreamOverview, toArchive: number | undefined): readonly unknown[] {
  const { stream, rate, unpublished, unpublishedSeconds, lastId, entries, bytes, floor, lost } = facts;
  return [
    html`<a href="/events?stream=${encodeURIComponent(stream)}">${stream}</a>`,
    `${rate.toFixed(1)}/s`,
    unpublished === 0
      ? "0"
      : html`${rowCount(unpublished)}<br><span class="muted">for ${duration(unpublishedSeconds)}</span>`,
    html`<code>${lastId}</code>`,
    entries === undefined ? "no answer" : number(entries),
    bytes === undefined ? "unknown" : size(bytes),
    toArchive === undefined ? "not begun" : number(toArchive),
    floor === undefined ? "nobody" : reader(floor),
    lost === 0 ? "0" : html`<span class="state stalled">${number(lost)}</span>`,
  ];
}

function reader({ heldBy, entryId }: { readonly heldBy: string; readonly entryId: string }): Html {
  const consumer = /^consumer:(.*)$/s.exec(heldBy)?.[1];
  const name = consumer === undefined
    ? heldBy
    : html`<a href="/consumers?search=${encodeURIComponent(consumer)}">${consumer}</a>`;
  return html`${name}<br><span class="muted">at <code>${entryId}</code></span>`;
}
