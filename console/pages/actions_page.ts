import { html } from "hono/html";
import { readActions, type RecordedAction } from "../audit.ts";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { empty, type Html, nextPage, page, time } from "../layout.ts";
import { table } from "../table.ts";

const PAGE_ROWS = 50;

/** Serves what people did. */
export function serveActionsPage(app: ConsoleApp, { sql }: ConsoleOptions): void {
  app.get("/actions", async (c) => {
    const after = c.req.query("after");
    const before = after !== undefined && /^\d{1,18}$/.test(after) ? after : undefined;
    const rows = await readActions(sql, { limit: PAGE_ROWS + 1, before });
    const shown = rows.slice(0, PAGE_ROWS);
    const frame = c.get("frame");
    const more = frame.allowActions
      ? "Whoever pauses, resumes or resets a consumer, or redrives or drops dead letters here, is recorded."
      : "This console is read-only: it runs without --allow-actions.";
    const body = shown.length === 0 ? empty("Nobody has done anything with the console", more) : html`${
      table(
        "Actions, the newest first",
        ["What", "When", "Who", "Outcome", "To what", "Detail"],
        shown.map((row) => [row.action, time(row.at), row.actor, outcome(row), target(row.target), row.detail ?? ""]),
      )
    }${nextPage("/actions", {}, rows.length > PAGE_ROWS ? shown.at(-1)!.id : undefined)}`;
    return c.html(page(frame, "Actions", body));
  });
}

function outcome({ outcome }: RecordedAction): Html {
  const looks = { done: "running", failed: "stalled", started: "paused" }[outcome];
  return html`<span class="state ${looks}">${outcome}</span>`;
}

/** What it was done to, name by name. */
function target(json: string): Html {
  const values = Object.entries(JSON.parse(json) as Record<string, unknown>);
  if (values.length === 0) return html`all`;
  return html`${
    values.map(([name, value]) =>
      html`
        <span class="pair"><span class="muted">${name}</span> <code>${typeof value === "string"
          ? value
          : JSON.stringify(value)}</code></span>
      `
    )
  }`;
}
