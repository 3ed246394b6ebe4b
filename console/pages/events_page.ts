import { parseTime } from "@events-pipeline/consumer/control";
import { traceFound } from "@events-pipeline/cli/trace/event_trace";
import { hopsOf } from "@events-pipeline/cli/trace/trace_text";
import { html } from "hono/html";
import { isUuid } from "../actions.ts";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { type FoundEvent, readEvent, searchEvents } from "../event_search.ts";
import { type Html, nextPage, page, table, time } from "../layout.ts";

const PAGE_ROWS = 50;
const FIELDS = { id: "Event id", stream: "Stream", type: "Type", since: "Since", until: "Until" } as const;

type Query = Readonly<Record<string, string | undefined>>;

/** Serves the search for events, and each event. */
export function serveEvents(app: ConsoleApp, options: ConsoleOptions): void {
  app.get("/events", async (c) => {
    const frame = c.get("frame");
    const query: Query = Object.fromEntries(
      Object.keys(FIELDS).map((name) => [name, c.req.query(name)?.trim() || undefined]),
    );
    const { id, stream, type } = query;
    const [since, until] = [query["since"], query["until"]].map((text) =>
      text === undefined ? undefined : parseTime(text)
    );
    const after = c.req.query("after");
    const say = (fault: string): Response | Promise<Response> =>
      c.html(page(frame, "Events", html`${form(query)}<p class="error" role="alert">${fault}</p>`), 400);
    if (id !== undefined) return isUuid(id) ? c.redirect(`/events/${id}`, 303) : say("An event id is a UUID.");
    if ((query["since"] && !since) || (query["until"] && !until)) return say("A time is written 2026-01-31T12:00Z.");
    if (after !== undefined && !/^\d{1,15}$/.test(after)) return say("There is no such page.");
    if (stream === undefined) {
      return c.html(
        page(
          frame,
          "Events",
          html`${form(query)}<p>Name a stream, or an event id. <a href="/streams">All streams</a></p>`,
        ),
      );
    }
    const before = after === undefined ? undefined : Number(after);
    const found = await searchEvents(options.outbox, { stream, type, since, until, before, limit: PAGE_ROWS + 1 });
    const shown = found.slice(0, PAGE_ROWS);
    const next = found.length > PAGE_ROWS ? String(shown.at(-1)!.position) : undefined;
    const list = shown.length === 0
      ? html`<p>The outbox has no such event. It keeps published ones for a week; older ones are in the archive.</p>`
      : html`${
        table("Published events, the newest first", ["Position", "Event", "Type", "Sent", "Published"], shown.map(row))
      }${nextPage("/events", query, next)}`;
    return c.html(page(frame, "Events", html`${form(query)}${list}`));
  });
  app.get("/events/:id", async (c) => {
    const frame = c.get("frame");
    const id = c.req.param("id");
    const event = isUuid(id) ? await readEvent(options.outbox, id) : undefined;
    if (event === undefined) {
      const text =
        html`<p>The outbox has no event of this id: it was never sent, or cleaned up after a week. <a href="/events">Search</a></p>`;
      return c.html(page(frame, "No such event", text), 404);
    }
    const { outbox, sql, redis, store } = options;
    const trace = await traceFound({ sql: outbox, consumerSql: sql, redis, store }, {
      ...{ eventId: id, stream: event.stream, eventType: event.type, sentAt: event.createdAt, inOutbox: true },
      ...{ payloadBytes: event.payloadBytes, entryId: event.entryId ?? undefined },
      publishedAt: event.publishedAt ?? undefined,
    });
    const rows = hopsOf(trace, { hidesErrors: options.mask.hidesFields }).map(({ what, at, detail }) => [
      what,
      at === undefined ? "no time known" : time(at),
      at === undefined ? "" : `${((at.getTime() - event.createdAt.getTime()) / 1_000).toFixed(3)} s`,
      detail,
    ]);
    const body = html`
      <dl>
        <dt>Id</dt>
        <dd>${event.id}</dd>
        <dt>Stream</dt>
        <dd>${event.stream}</dd>
        <dt>Entry id</dt>
        <dd>${event.entryId ?? "none yet"}</dd>
      </dl>
      ${table("Its way", ["What", "When", "After it was sent", "Detail"], rows)}
      <h2>Payload</h2><pre>${options.mask.json(event.payload)}</pre><h2>Metadata</h2><pre>${options.mask.json(
        event.metadata,
      )}</pre>
    `;
    return c.html(page(frame, event.type, body));
  });
}

function form(query: Query): Html {
  return html`<form method="get" action="/events" class="filter" role="search">${
    Object.entries(FIELDS).map(([name, title]) =>
      html`<label>${title} <input name="${name}" value="${query[name] ?? ""}"${
        name === "since" || name === "until"
          ? html`
            placeholder="2026-01-31T12:00Z"
          `
          : ""
      }></label>`
    )
  }<button>Search</button></form>`;
}

function row(event: FoundEvent): readonly unknown[] {
  const { id, type, position, createdAt, publishedAt } = event;
  return [
    position,
    html`<a href="/events/${id}">${id}</a>`,
    type,
    time(createdAt),
    publishedAt === null ? "" : time(publishedAt),
  ];
}
