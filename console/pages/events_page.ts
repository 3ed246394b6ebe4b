import { duration, size } from "@events-pipeline/cli/status/quantities";
import { parseTime } from "@events-pipeline/consumer/control";
import { html } from "hono/html";
import { isUuid } from "../actions.ts";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { type FoundEvent, searchEvents } from "../event_search.ts";
import { findWholeEvent } from "../find_event.ts";
import { empty, facts, filterForm, type Html, nextPage, page, time } from "../layout.ts";
import { numbers, table } from "../table.ts";
import { number } from "../words.ts";
import { eventWay } from "./event_way.ts";

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
      const hint = html`The <a href="/streams">list of streams</a> leads to the events of each.`;
      return c.html(page(frame, "Events", html`${form(query)}${empty("Name a stream, or an event id", hint)}`));
    }
    const before = after === undefined ? undefined : Number(after);
    const found = await searchEvents(options.outbox, { stream, type, since, until, before, limit: PAGE_ROWS + 1 });
    const shown = found.slice(0, PAGE_ROWS);
    const next = found.length > PAGE_ROWS ? String(shown.at(-1)!.position) : undefined;
    const list = shown.length === 0
      ? empty(
        "The outbox has no such event",
        "It keeps published ones for a week. Older ones are in the archive: there they are found by their id.",
      )
      : html`${table("Published events, the newest first", COLUMNS, shown.map(row), 1)}${
        nextPage("/events", query, next)
      }`;
    return c.html(page(frame, "Events", html`${form(query)}${list}`));
  });
  app.get("/events/:id", async (c) => {
    const frame = c.get("frame");
    const id = c.req.param("id").toLowerCase();
    const event = isUuid(id) ? await findWholeEvent(options, id) : undefined;
    if (event === undefined) {
      const where = options.store === undefined
        ? "The outbox has none of this id: it was never sent, or cleaned up after a week. Set ARCHIVE_URL to have the archive searched, too."
        : "Neither the outbox nor the archive has one of this id.";
      return c.html(page(frame, "No such event", html`${form({ id })}${empty(where)}`), 404);
    }
    const body = html`${
      facts([
        ["Id", html`<code>${event.eventId}</code>`],
        ["Stream", html`<a href="/events?stream=${encodeURIComponent(event.stream)}">${event.stream}</a>`],
        ["Entry id", event.entryId === undefined ? "none yet" : html`<code>${event.entryId}</code>`],
        ["Sent", time(event.sentAt)],
        ["Payload", event.payloadBytes === undefined ? "" : size(event.payloadBytes)],
        ["Read from", event.inOutbox ? "the outbox" : "the archive"],
      ])
    }${await eventWay(event, options)}
<h2>Payload</h2><pre tabindex="0">${options.mask.json(event.payload)}</pre>
<h2>Metadata</h2><pre tabindex="0">${options.mask.json(event.metadata)}</pre>`;
    return c.html(page(frame, event.eventType, body));
  });
}

const COLUMNS = [numbers("Position"), "Event", "Type", "Sent", numbers("Published after")];

function form(query: Query): Html {
  const fields = Object.entries(FIELDS).map(([name, title]) => ({
    ...{ name, title, value: query[name] ?? "" },
    ...(name === "since" || name === "until" ? { hint: "2026-01-31T12:00Z" } : {}),
  }));
  return filterForm("/events", fields, "Search");
}

function row({ id, type, position, createdAt, publishedAt }: FoundEvent): readonly unknown[] {
  return [
    position === null ? "" : number(position),
    html`<a href="/events/${id}"><code>${id}</code></a>`,
    type,
    time(createdAt),
    publishedAt === null ? "" : duration(Math.max(0, publishedAt.getTime() - createdAt.getTime()) / 1_000),
  ];
}
