import { duration, rowCount, size } from "@events-pipeline/cli/status/quantities";
import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { nextPage, page, table } from "../layout.ts";
import { overviewOf } from "../sources.ts";

const PAGE_ROWS = 50;

/** Serves the streams. */
export function serveStreams(app: ConsoleApp, options: ConsoleOptions): void {
  app.get("/streams", async (c) => {
    const after = c.req.query("after") ?? "";
    const { streams: all, archives } = await overviewOf(options);
    const toArchive = new Map(archives.map(({ stream, lag }) => [stream, lag.events]));
    const shown = all.filter(({ stream }) => stream > after).slice(0, PAGE_ROWS);
    const rows = shown.map((facts) => [
      html`<a href="/events?stream=${encodeURIComponent(facts.stream)}">${facts.stream}</a>`,
      `${facts.rate.toFixed(1)}/s`,
      rowCount(facts.unpublished),
      facts.unpublished === 0 ? "" : duration(facts.unpublishedSeconds),
      facts.lastId,
      facts.entries ?? "no answer",
      facts.bytes === undefined ? "unknown" : size(facts.bytes),
      toArchive.get(facts.stream) ?? "not begun",
      facts.floor === undefined ? "nobody" : `${facts.floor.heldBy}, at ${facts.floor.entryId}`,
      facts.lost,
    ]);
    const head = [
      "Stream",
      "Rate",
      "Unpublished",
      "Oldest",
      "Last entry",
      "In Redis",
      "Memory",
      "To archive",
      "Slowest reader, holds the trim floor",
      "Lost",
    ];
    const body = rows.length === 0
      ? html`<p>There is no stream yet: nothing was ever sent.</p>`
      : html`${table("Streams", head, rows)}${
        nextPage("/streams", {}, shown.at(-1)!.stream < all.at(-1)!.stream ? shown.at(-1)!.stream : undefined)
      }`;
    return c.html(page(c.get("frame"), "Streams", body));
  });
}
