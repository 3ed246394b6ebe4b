import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { COUNTED_ROWS, readConsumerFacts, readStreams } from "../facts.ts";
import { archiverLag } from "../flow.ts";
import { nextPage, page, table } from "../layout.ts";

const PAGE_ROWS = 50;

/** Serves the streams. */
export function serveStreams(app: ConsoleApp, options: ConsoleOptions): void {
  app.get("/streams", async (c) => {
    const after = c.req.query("after") ?? "";
    const [all, consumers] = await Promise.all([readStreams(options), readConsumerFacts(options)]);
    const shown = all.filter(({ stream }) => stream > after).slice(0, PAGE_ROWS);
    const rows = shown.map((facts) => {
      const readers = consumers.filter(({ stream }) => stream === facts.stream)
        .map(({ consumer, checkpoint }) => ({ name: consumer, at: Number(checkpoint.split("-")[1]) }));
      if (facts.archived !== undefined) readers.push({ name: "the archiver", at: facts.archived });
      const slowest = readers.sort((a, b) => a.at - b.at)[0];
      return [
        html`<a href="/events?stream=${encodeURIComponent(facts.stream)}">${facts.stream}</a>`,
        facts.backlog > COUNTED_ROWS ? `over ${COUNTED_ROWS}` : facts.backlog,
        `${Math.round(facts.backlogSeconds)} s`,
        facts.published,
        facts.entries ?? "no answer",
        facts.archived === undefined ? "not begun" : archiverLag(facts),
        slowest === undefined ? "nobody" : `${slowest.name}, at ${slowest.at}`,
      ];
    });
    const head = [
      "Stream",
      "Backlog",
      "Oldest",
      "Published",
      "In Redis",
      "To archive",
      "Slowest reader, holds the trim floor",
    ];
    const body = rows.length === 0
      ? html`<p>There is no stream yet: nothing was ever sent.</p>`
      : html`${table("Streams", head, rows)}${
        nextPage("/streams", {}, shown.at(-1)!.stream < all.at(-1)!.stream ? shown.at(-1)!.stream : undefined)
      }`;
    return c.html(page(c.get("frame"), "Streams", body));
  });
}
