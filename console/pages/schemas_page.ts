import { type CatalogueEvent, describeEvent } from "@events-pipeline/cli/schemas/catalogue";
import type { EventDefinition } from "@events-pipeline/common";
import { eventJsonSchema } from "@events-pipeline/common/json-schema";
import { eventVersions } from "@events-pipeline/compat";
import { html } from "hono/html";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import { empty, type Html, page } from "../layout.ts";
import { numbers, table } from "../table.ts";
import { counted, number } from "../words.ts";
import { schemaHistory } from "./schema_history.ts";

/** Serves the catalogue of events. */
export function serveSchemas(app: ConsoleApp, options: ConsoleOptions): void {
  const { events, history } = options;
  app.get("/schemas", (c) => {
    const names = [...events.map(({ name }) => name), ...removedEvents(options)];
    const described = new Map(events.map((event) => [event.name, describeEvent(event)]));
    const columns = [
      "Event",
      "Description",
      "State",
      numbers("Fields"),
      ...(history === undefined ? [] : [numbers("Versions")]),
    ];
    const rows = names.map((name) => [
      html`<a href="/schemas/${encodeURIComponent(name)}">${name}</a>`,
      ...overview(described.get(name)),
      ...(history === undefined ? [] : [number(eventVersions(history, name).length)]),
    ]);
    const body = html`<p class="muted">${counted(events.length, "event")}</p>${table("Events", columns, rows)}`;
    return c.html(
      page(c.get("frame"), "Schemas", names.length === 0 ? empty("No event is defined") : body),
    );
  });
  app.get("/schemas/:name", (c) => {
    const name = c.req.param("name");
    const event = events.find((event) => event.name === name);
    if (event === undefined && !removedEvents(options).includes(name)) return c.notFound();
    const body = html`${event === undefined ? gone(name) : entry(event)}
<h2>History</h2>${schemaHistory(name, event, history)}${
      event === undefined ? "" : html`
        <h2>JSON Schema</h2>
        <pre tabindex="0">${JSON.stringify(eventJsonSchema(event), null, 2)}</pre>
      `
    }`;
    return c.html(page(c.get("frame"), name, body));
  });
}

/** Events that only the history knows. */
function removedEvents({ events, history }: ConsoleOptions): readonly string[] {
  const known = new Set(events.map(({ name }) => name));
  return Object.keys(history?.events ?? {}).filter((name) => !known.has(name)).sort();
}

function overview(event: CatalogueEvent | undefined): readonly unknown[] {
  if (event === undefined) return ["", html`<span class="state">removed</span>`, ""];
  const { description, deprecated, aliases, fields } = event;
  return [
    html`${description}${aliases.length === 0 ? "" : html`<br><span class="muted">was ${aliases.join(", ")}</span>`}`,
    deprecated === undefined
      ? html`<span class="state running">in use</span>`
      : html`<span class="state paused">deprecated</span>`,
    number(fields.length),
  ];
}

function gone(name: string): Html {
  return html`
    <p
      class="error">No event is called ${name} any more. Events of that name may still be in the outbox, in Redis and in
    the archive.</p>
  `;
}

function entry(event: EventDefinition): Html {
  const { description, deprecated, aliases, fields } = describeEvent(event);
  const rows = fields.map((
    { path, type, presence, description },
  ) => [html`<code>${path}</code>`, type, presence, description]);
  return html`${description === "" ? "" : html`<p class="lead">${description}</p>`}
${deprecated === undefined ? "" : html`<p class="error">Deprecated: ${deprecated}</p>`}
${aliases.length === 0 ? "" : html`<p class="muted">Former names: ${aliases.join(", ")}</p>`}
<h2>Fields</h2>${
    fields.length === 0
      ? empty("It has no fields")
      : table("Fields", ["Field", "On the wire", "Presence", "Meaning"], rows)
  }`;
}
