import { type ArchivedSegment, listSegments } from "@events-pipeline/archiver";
import { size } from "@events-pipeline/cli/status/quantities";
import type { ArchiveOverview } from "@events-pipeline/cli/status/overview";
import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { empty, type Html, nextPage, page, time } from "../layout.ts";
import { overviewOf } from "../sources.ts";
import { numbers, table } from "../table.ts";
import { counted, number } from "../words.ts";

const PAGE_ROWS = 50;

/** Serves how far the archive is, and its segments. */
export function serveArchive(app: ConsoleApp, options: ConsoleOptions): void {
  app.get("/archive", async (c) => {
    const [stream, after] = [c.req.query("stream"), c.req.query("after")];
    const frame = c.get("frame");
    if (stream !== undefined && !isStreamName(stream)) return c.notFound();
    if (stream !== undefined) {
      return c.html(page(frame, `Archive of ${stream}`, await segments(options, stream, after)));
    }
    const { archives: known } = await overviewOf(options);
    const shown = known.filter((facts) => facts.stream > (after ?? "")).slice(0, PAGE_ROWS);
    const head = [
      "Stream",
      "Archived to",
      numbers("Lag"),
      "Archiver",
      "Last verified",
      numbers("Verified to position"),
      "Outcome",
    ];
    const last = shown.at(-1)?.stream;
    const hint = html`<code>deno task archive</code> runs an archiver.`;
    const body = shown.length === 0 ? empty("Nothing is archived: no archiver has begun", hint) : html`
      <p class="muted">${counted(known.length, "stream")}${options.store === undefined
        ? ". Set ARCHIVE_URL to have their segments listed."
        : ""}</p>${table(
          "Archived streams",
          head,
          shown.map((facts) => cells(facts, options.store !== undefined)),
        )}${nextPage("/archive", {}, last !== known.at(-1)?.stream ? last : undefined)}
    `;
    return c.html(page(frame, "Archive", body));
  });
}

function cells(facts: ArchiveOverview, hasStore: boolean): readonly unknown[] {
  const { stream, checkpoint, lag, owner, verification: proof } = facts;
  return [
    hasStore ? html`<a href="/archive?stream=${encodeURIComponent(stream)}">${stream}</a>` : stream,
    html`<code>${checkpoint}</code>`,
    number(lag.events),
    owner === undefined ? html`<span class="muted">none has it</span>` : html`<code>${owner.slice(0, 8)}</code>`,
    proof === undefined ? "never" : time(new Date(proof.at)),
    proof === undefined ? "" : number(proof.upTo),
    proof === undefined ? "" : outcome(proof.faults),
  ];
}

function outcome(faults: number): Html {
  return faults === 0
    ? html`<span class="state running">whole</span>`
    : html`<span class="state stalled">${counted(faults, "fault")}</span>`;
}

/** Nothing else is looked for in the archive: the name becomes a part of a path. */
function isStreamName(text: string): boolean {
  return /^stream:[a-z0-9:_-]{1,200}:events$/.test(text);
}

/** A page of a stream's segments, those behind an entry id. */
async function segments({ store }: ConsoleOptions, stream: string, after: string | undefined): Promise<Html> {
  const back = html`<p><a href="/archive">All streams</a></p>`;
  if (store === undefined) {
    return html`${back}${empty("The archive is not known", "Set ARCHIVE_URL to have segments listed.")}`;
  }
  if (after !== undefined && !/^\d{1,15}-\d{1,15}$/.test(after)) return html`${back}${empty("There is no such page")}`;
  const [fromMs, behind] = (after ?? "0-0").split("-").map(Number) as [number, number];
  const rows: (ArchivedSegment & { readonly ids: NonNullable<ArchivedSegment["ids"]> })[] = [];
  for await (const segment of listSegments(store, stream, { fromMs })) {
    const { ids } = segment;
    if (ids === undefined || Number(ids.first.split("-")[1]) <= behind) continue;
    rows.push({ ...segment, ids });
    if (rows.length > PAGE_ROWS) break;
  }
  const shown = rows.slice(0, PAGE_ROWS);
  if (shown.length === 0) return html`${back}${empty(`There is no segment of ${stream}`)}`;
  return html`${back}${
    table(
      `Segments of ${stream}`,
      ["First entry", "Last entry", numbers("Events"), numbers("Size"), "Written", "Object"],
      shown.map(({ ids, bytes, key, writtenAt }) => [
        html`<code>${ids.first}</code>`,
        html`<code>${ids.last}</code>`,
        number(Number(ids.last.split("-")[1]) - Number(ids.first.split("-")[1]) + 1),
        size(bytes),
        writtenAt === undefined ? "" : time(writtenAt),
        html`<span class="long"><code>${key}</code></span>`,
      ]),
    )
  }${nextPage("/archive", { stream }, rows.length > PAGE_ROWS ? shown.at(-1)!.ids.first : undefined)}`;
}
