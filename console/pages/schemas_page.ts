import { describeEvent } from "@events-pipeline/cli/schemas/catalogue";
import { eventJsonSchema } from "@events-pipeline/common/json-schema";
import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { page, table } from "../layout.ts";

/** Serves the catalogue of events. */
export function serveSchemas(app: ConsoleApp, { events }: ConsoleOptions): void {
  app.get("/schemas", (c) => {
    const rows = events.map((event) => {
      const { name, description, deprecated, aliases } = describeEvent(event);
      return [
        html`<a href="/schemas/${encodeURIComponent(name)}">${name}</a>`,
        description,
        aliases.join(", "),
        deprecated ?? "in use",
      ];
    });
    const head = ["Event", "Description", "Former names", "Deprecated"];
    const body = rows.length === 0 ? html`<p>No event is defined.</p>` : table("Events", head, rows);
    return c.html(page(c.get("frame"), "Schemas", body));
  });
  app.get("/schemas/:name", (c) => {
    const event = events.find(({ name }) => name === c.req.param("name"));
    if (event === undefined) return c.notFound();
    const { name, description, deprecated, aliases, fields } = describeEvent(event);
    const rows = fields.map((
      { path, type, presence, description },
    ) => [html`<code>${path}</code>`, type, presence, description]);
    const body = html`<p>${description}</p>${
      deprecated === undefined ? "" : html`<p class="error">Deprecated: ${deprecated}</p>`
    }
${aliases.length === 0 ? "" : html`<p>Former names: ${aliases.join(", ")}</p>`}
${table("Fields", ["Field", "Type", "Presence", "Description"], rows)}
<h2>JSON Schema</h2><pre>${JSON.stringify(eventJsonSchema(event), null, 2)}</pre>`;
    return c.html(page(c.get("frame"), name, body));
  });
}
