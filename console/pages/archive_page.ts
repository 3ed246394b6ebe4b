import { listSegments } from "@events-pipeline/archiver";
import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { type Html, nextPage, page, table, time } from "../layout.ts";
import { overviewOf } from "../sources.ts";

const PAGE_ROWS = 50;

/** Serves how far the archive is, and its segments. */
export function serveArchive(app: ConsoleApp, options: ConsoleOptions): void {
  app.get("/archive", async (c) => {
    const [stream, after] = [c.req.query("stream"), c.req.query("after")];
    if (stream !== undefined) {
      return c.html(page(c.get("frame"), "Archive", await segments(options, stream, after)));
    }
    const { archives: known } = await overviewOf(options);
    const shown = known.filter((facts) => facts.stream > (after ?? "")).slice(0, PAGE_ROWS);
    const rows = shown.map((facts) => {
      const proof = facts.verification;
      const name = options.store === undefined
        ? facts.stream
        : html`<a href="/archive?stream=${encodeURIComponent(facts.stream)}">${facts.stream}</a>`;
      const faults = proof === undefined
        ? ""
        : html`<span class="state ${proof.faults === 0 ? "running" : "stalled"}">${
          proof.faults === 0 ? "whole" : `${proof.faults} faults`
        }</span>`;
      return [
        name,
        facts.checkpoint,
        facts.lag.events,
        proof === undefined ? "never" : time(new Date(proof.at)),
        proof?.upTo ?? "",
        faults,
      ];
    });
    const last = shown.at(-1)?.stream;
    const body = rows.length === 0
      ? html`<p>Nothing is archived: no archiver has begun.</p>`
      : html`${
        table("Archived streams", ["Stream", "Archived to", "Lag", "Last verified", "Verified to", "Outcome"], rows)
      }${nextPage("/archive", {}, last !== known.at(-1)?.stream ? last : undefined)}${
        options.store === undefined ? html`<p class="muted">To list segments, set ARCHIVE_URL.</p>` : ""
      }`;
    return c.html(page(c.get("frame"), "Archive", body));
  });
}

/** A page of a stream's segments, those behind an entry id. */
async function segments({ store }: ConsoleOptions, stream: string, after: string | undefined): Promise<Html> {
  if (store === undefined) return html`<p>To list segments, set ARCHIVE_URL.</p>`;
  if (after !== undefined && !/^\d{1,15}-\d{1,15}$/.test(after)) return html`<p>There is no such page.</p>`;
  const [fromMs, behind] = (after ?? "0-0").split("-").map(Number) as [number, number];
  const rows: { readonly first: string; readonly last: string; readonly bytes: number; readonly key: string }[] = [];
  for await (const { key, bytes, ids } of listSegments(store, stream, { fromMs })) {
    if (ids === undefined || Number(ids.first.split("-")[1]) <= behind) continue;
    rows.push({ ...ids, bytes, key });
    if (rows.length > PAGE_ROWS) break;
  }
  const shown = rows.slice(0, PAGE_ROWS);
  if (shown.length === 0) return html`<p>There is no segment of ${stream}.</p>`;
  return html`${
    table(
      `Segments of ${stream}`,
      ["First entry", "Last entry", "Bytes", "Key"],
      shown.map(({ first, last, bytes, key }) => [first, last, bytes, html`<code>${key}</code>`]),
    )
  }${nextPage("/archive", { stream }, rows.length > PAGE_ROWS ? shown.at(-1)!.first : undefined)}`;
}
