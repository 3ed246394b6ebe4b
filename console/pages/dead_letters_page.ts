import {
  countDeadLetters,
  type DeadLetterFilter,
  listDeadLetters,
  type StoredDeadLetter,
} from "@events-pipeline/consumer/control";
import { html } from "hono/html";
import { deadLetterFilter } from "../actions.ts";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { hidden, type Html, nextPage, page, type PageFrame, table, time } from "../layout.ts";
import type { Mask } from "../mask.ts";

const PAGE_ROWS = 50;
const FIELDS = { consumer: "Consumer", type: "Type", event: "Event id", since: "Since", until: "Until" } as const;

type Query = Readonly<Record<string, string | undefined>>;

/** Serves the dead letters. */
export function serveDeadLetters(app: ConsoleApp, { sql, mask }: ConsoleOptions): void {
  app.get("/dead-letters", async (c) => {
    const frame = c.get("frame");
    const query: Query = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, c.req.query(name) || undefined]));
    const after = c.req.query("after");
    let filter: DeadLetterFilter;
    try {
      filter = deadLetterFilter((name) => query[name]);
      if (after !== undefined && !/^\d{1,18}$/.test(after)) throw new RangeError("Cannot read the page's number");
    } catch (error) {
      const fault = html`${filterForm(query)}<p class="error" role="alert">${(error as Error).message}</p>`;
      return c.html(page(frame, "Dead letters", fault), 400);
    }
    const [rows, count] = await Promise.all([
      listDeadLetters(sql, filter, { limit: PAGE_ROWS + 1, after }),
      countDeadLetters(sql, filter),
    ]);
    const shown = rows.slice(0, PAGE_ROWS);
    const next = rows.length > PAGE_ROWS ? shown.at(-1)!.id : undefined;
    const list = shown.length === 0
      ? html`<p>${
        Object.values(query).some(Boolean) ? "None is like that." : "There is none: every event was handled."
      }</p>`
      : html`<p class="muted">${count} in all</p>${letters(shown, frame, query, count, mask)}${
        nextPage("/dead-letters", query, next)
      }`;
    return c.html(page(frame, "Dead letters", html`${filterForm(query)}${list}`));
  });
  app.get("/dead-letters/:id{[0-9]{1,18}}", async (c) => {
    const frame = c.get("frame");
    const [letter] = await listDeadLetters(sql, { ids: [c.req.param("id")] }, { limit: 1 });
    if (letter === undefined) {
      return c.html(
        page(frame, "Not found", html`<p>There is no such dead letter: it was handled again, or dropped.</p>`),
        404,
      );
    }
    return c.html(page(frame, `Dead letter ${letter.id}`, one(letter, frame, mask)));
  });
}

function filterForm(query: Query): Html {
  return html`
    <form method="get" action="/dead-letters" class="filter"
      role="search">${Object.entries(FIELDS).map(([name, title]) =>
        html`<label>${title} <input name="${name}" value="${query[name] ?? ""}"${
          name === "since" || name === "until"
            ? html`
              placeholder="2026-01-31T12:00Z"
            `
            : ""
        }></label>`
      )}<button>Filter</button> <a href="/dead-letters">All</a></form>
  `;
}

function letters(
  shown: readonly StoredDeadLetter[],
  frame: PageFrame,
  query: Query,
  count: number,
  mask: Mask,
): Html {
  const list = table(
    "Dead letters",
    [...(frame.allowActions ? ["Choose"] : []), "Number", "Consumer", "Event", "Set aside", "Attempts", "Error"],
    shown.map((letter) => [
      ...(frame.allowActions
        ? [html`<input type="checkbox" name="id" value="${letter.id}" aria-label="Choose ${letter.id}">`]
        : []),
      html`<a href="/dead-letters/${letter.id}">${letter.id}</a>`,
      html`${letter.consumer}<br><span class="muted">${letter.stream}</span>`,
      html`${letter.eventType}<br><a href="/events/${letter.eventId}">${letter.eventId}</a>`,
      html`${time(letter.createdAt)}${letter.redriving ? html`<br><span class="state paused">redriving</span>` : ""}`,
      letter.attempts,
      html`<span class="clip">${mask.textAbout(letter.error, letter.payload).slice(0, 160)}</span>`,
    ]),
  );
  if (!frame.allowActions) return list;
  return html`<form method="post" action="/dead-letters/redrive">${hidden({ csrf: frame.csrf, ...query })}
<fieldset class="bar"><legend>With these dead letters</legend>
<label><input type="radio" name="which" value="chosen" checked> those that are ticked</label>
<label><input type="radio" name="which" value="all"> all ${count} that the filter shows</label>
<button>Redrive</button>
<label><input type="checkbox" name="confirm" value="yes"> I am sure</label>
<button class="danger" formaction="/dead-letters/drop">Drop</button></fieldset>${list}</form>`;
}

function one(letter: StoredDeadLetter, { csrf, allowActions }: PageFrame, mask: Mask): Html {
  const rows: readonly (readonly [string, unknown])[] = [
    ["Consumer", letter.consumer],
    ["Stream", letter.stream],
    ["Entry id", letter.entryId],
    ["Event", html`${letter.eventType} <a href="/events/${letter.eventId}">${letter.eventId}</a>`],
    ["Sent", time(letter.sentAt)],
    ["Set aside", time(letter.createdAt)],
    ["Reason", letter.reason],
    ["Attempts", letter.attempts],
    ["Waits to be handled again", letter.redriving ? "yes" : "no"],
  ];
  return html`<dl>${
    rows.map(([name, value]) =>
      html`
        <dt>${name}</dt>
        <dd>${value}</dd>
      `
    )
  }</dl>
<h2>Error</h2><pre>${mask.textAbout(letter.error, letter.payload)}</pre>
<h2>Payload</h2><pre>${mask.json(letter.payload)}</pre>
<h2>Metadata</h2><pre>${mask.json(letter.metadata)}</pre>${
    allowActions
      ? html`<form method="post" action="/dead-letters/redrive" class="bar">${
        hidden({ csrf, id: letter.id })
      }<button>Redrive</button>
<label><input type="checkbox" name="confirm" value="yes"> I am sure</label>
<button class="danger" formaction="/dead-letters/drop">Drop</button></form>`
      : ""
  }`;
}
