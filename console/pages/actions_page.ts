import { html } from "hono/html";
import { readActions } from "../audit.ts";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { nextPage, page, table, time } from "../layout.ts";

const PAGE_ROWS = 50;

/** Serves what people did. */
export function serveActionsPage(app: ConsoleApp, { sql }: ConsoleOptions): void {
  app.get("/actions", async (c) => {
    const after = c.req.query("after");
    const before = after !== undefined && /^\d{1,18}$/.test(after) ? after : undefined;
    const rows = await readActions(sql, { limit: PAGE_ROWS + 1, before });
    const shown = rows.slice(0, PAGE_ROWS);
    const body = shown.length === 0 ? html`<p>Nobody has done anything with the console.</p>` : html`${
      table(
        "Actions, the newest first",
        ["When", "Who", "What", "To what", "Outcome", "Detail"],
        shown.map((
          row,
        ) => [time(row.at), row.actor, row.action, html`<code>${row.target}</code>`, row.outcome, row.detail ?? ""]),
      )
    }${nextPage("/actions", {}, rows.length > PAGE_ROWS ? shown.at(-1)!.id : undefined)}`;
    return c.html(page(c.get("frame"), "Actions", body));
  });
}
