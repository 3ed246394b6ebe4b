import {
  countDeadLetters,
  type DeadLetterFilter,
  listDeadLetters,
  type StoredDeadLetter,
} from "@events-pipeline/consumer/control";
import { html } from "hono/html";
import { deadLetterFilter } from "../actions.ts";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { empty, facts, filterForm, hidden, type Html, nextPage, page, type PageFrame, time } from "../layout.ts";
import type { Mask } from "../mask.ts";
import { numbers, table, untitled } from "../table.ts";
import { counted, number } from "../words.ts";

const PAGE_ROWS = 50;
const FIELDS = { consumer: "Consumer", type: "Type", event: "Event id", since: "Since", until: "Until" } as const;
const COLUMNS = ["Number", "Event", "Consumer", "Set aside", numbers("Attempts"), "Error"] as const;

type Query = Readonly<Record<string, string | undefined>>;

/** Serves the dead letters. */
export function serveDeadLetters(app: ConsoleApp, { sql, mask }: ConsoleOptions): void {
  app.get("/dead-letters", async (c) => {
    const frame = c.get("frame");
    const query: Query = Object.fromEntries(
      Object.keys(FIELDS).map((name) => [name, c.req.query(name)?.trim() || undefined]),
    );
    const after = c.req.query("after");
    let filter: DeadLetterFilter;
    try {
      filter = deadLetterFilter((name) => query[name]);
      if (after !== undefined && !/^\d{1,18}$/.test(after)) throw new RangeError("Cannot read the page's number");
    } catch (error) {
      const fault = html`${form(query)}<p class="error" role="alert">${(error as Error).message}</p>`;
      return c.html(page(frame, "Dead letters", fault), 400);
    }
    const [rows, count] = await Promise.all([
      listDeadLetters(sql, filter, { limit: PAGE_ROWS + 1, after }),
      countDeadLetters(sql, filter),
    ]);
    const shown = rows.slice(0, PAGE_ROWS);
    const next = rows.length > PAGE_ROWS ? shown.at(-1)!.id : undefined;
    const isFiltered = Object.values(query).some(Boolean);
    const none = isFiltered
      ? empty("No dead letter is like that", html`<a href="/dead-letters">Show all</a>`)
      : empty("There is none: no event was set aside");
    const list = html`<p class="muted">${counted(count, "dead letter")}</p>${
      letters(shown, frame, query, count, mask)
    }${nextPage("/dead-letters", query, next)}`;
    return c.html(
      page(
        frame,
        "Dead letters",
        html`${isFiltered || count > 0 ? form(query) : ""}${shown.length === 0 ? none : list}`,
      ),
    );
  });
  app.get("/dead-letters/:id{[0-9]{1,18}}", async (c) => {
    const frame = c.get("frame");
    const [letter] = await listDeadLetters(sql, { ids: [c.req.param("id")] }, { limit: 1 });
    if (letter !== undefined) return c.html(page(frame, `Dead letter ${letter.id}`, one(letter, frame, mask)));
    const back = html`<a href="/dead-letters">All dead letters</a>`;
    return c.html(
      page(frame, "Not found", empty("There is no such dead letter: it was handled again, or dropped", back)),
      404,
    );
  });
}

function form(query: Query): Html {
  const fields = Object.entries(FIELDS).map(([name, title]) => ({
    ...{ name, title, value: query[name] ?? "" },
    ...(name === "since" || name === "until" ? { hint: "2026-01-31T12:00Z" } : {}),
  }));
  return filterForm("/dead-letters", fields, "Filter");
}

function letters(
  shown: readonly StoredDeadLetter[],
  frame: PageFrame,
  query: Query,
  count: number,
  mask: Mask,
): Html {
  const { allowActions, csrf } = frame;
  const choice = ({ id }: StoredDeadLetter): Html =>
    html`<input type="checkbox" name="id" value="${id}" aria-label="Choose ${id}">`;
  const list = table(
    "Dead letters",
    [...(allowActions ? [untitled("Choose")] : []), ...COLUMNS],
    shown.map((letter) => [
      ...(allowActions ? [choice(letter)] : []),
      html`<a href="/dead-letters/${letter.id}">${letter.id}</a>`,
      html`<strong>${letter.eventType}</strong><br><a href="/events/${letter.eventId}"><code>${letter.eventId}</code></a>`,
      html`${letter.consumer}<br><span class="muted">${letter.stream}</span>`,
      html`${time(letter.createdAt)}${letter.redriving ? html`<br><span class="state paused">redriving</span>` : ""}`,
      number(letter.attempts),
      html`<span class="fault">${mask.textAbout(letter.error, letter.payload).slice(0, 160)}</span>`,
    ]),
    allowActions ? 1 : 0,
  );
  if (!allowActions) return list;
  return html`<form method="post" action="/dead-letters/redrive">${hidden({ csrf, ...query })}
<fieldset class="bar"><legend class="unseen">With these dead letters</legend>
<label><input type="radio" name="which" value="chosen" checked> those that are ticked</label>
<label><input type="radio" name="which" value="all"> all ${number(count)} that the filter shows</label>
${verbs()}</fieldset>${list}</form>`;
}

/** To redrive needs no second thought. */
function verbs(): Html {
  return html`<button class="main">Redrive</button>
<span class="apart"><label><input type="checkbox" name="confirm" value="yes"> I am sure</label>
<button class="danger" formaction="/dead-letters/drop">Drop</button></span>`;
}

function one(letter: StoredDeadLetter, { csrf, allowActions }: PageFrame, mask: Mask): Html {
  return html`${
    facts([
      ["Event", html`${letter.eventType}<br><a href="/events/${letter.eventId}"><code>${letter.eventId}</code></a>`],
      ["Consumer", letter.consumer],
      ["Stream", letter.stream],
      ["Entry id", html`<code>${letter.entryId}</code>`],
      ["Sent", time(letter.sentAt)],
      ["Set aside", time(letter.createdAt)],
      ["Reason", mask.textAbout(letter.reason, letter.payload)],
      ["Attempts", number(letter.attempts)],
      ["Waits to be handled again", letter.redriving ? "yes" : "no"],
    ])
  }
${
    allowActions
      ? html`<form method="post" action="/dead-letters/redrive" class="bar">${
        hidden({ csrf, id: letter.id })
      }${verbs()}</form>`
      : ""
  }
<h2>Error</h2><pre tabindex="0" class="fault">${mask.textAbout(letter.error, letter.payload)}</pre>
<h2>Payload</h2><pre tabindex="0">${mask.json(letter.payload)}</pre>
<h2>Metadata</h2><pre tabindex="0">${mask.json(letter.metadata)}</pre>`;
}
