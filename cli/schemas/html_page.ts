import type { CatalogueEvent, CatalogueField } from "./catalogue.ts";

const STYLE = `body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #ccc; padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
td:first-child { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
.deprecated { color: #a00; }`;

/** A page about events in HTML: no scripts, nothing from elsewhere. What the events' authors wrote is shown as it is. */
export function htmlPage(events: readonly CatalogueEvent[]): string {
  const links = events.map(({ name, deprecated }) => {
    const mark = deprecated === undefined ? "" : ` <span class="deprecated">deprecated</span>`;
    return `<li><a href="#${escaped(name)}">${escaped(name)}</a>${mark}</li>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Events</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>Events</h1>
<ul>
${links.join("\n")}
</ul>
${events.map(section).join("\n")}
</body>
</html>`;
}

function section({ name, description, deprecated, aliases, fields, readers }: CatalogueEvent): string {
  const rows = fields.map(row).join("\n");
  const table =
    `<table>\n<thead><tr><th>Field</th><th>On the wire</th><th>Presence</th><th>Meaning</th></tr></thead>\n<tbody>\n${rows}\n</tbody>\n</table>`;
  return [
    `<section id="${escaped(name)}">`,
    `<h2>${escaped(name)}</h2>`,
    ...(deprecated === undefined ? [] : [`<p class="deprecated">Deprecated: ${escaped(deprecated)}</p>`]),
    ...(description === "" ? [] : description.split(/\n{2,}/).map((text) => `<p>${escaped(text)}</p>`)),
    ...(aliases.length === 0 ? [] : [`<p>Earlier names: ${escaped(aliases.join(", "))}</p>`]),
    fields.length === 0 ? "<p>It has no fields.</p>" : table,
    ...(readers.length === 0 ? [] : [
      "<p>Read by:</p>",
      "<ul>",
      ...readers.map(({ consumer, stream }) => `<li>${escaped(consumer)} on ${escaped(stream)}</li>`),
      "</ul>",
    ]),
    "</section>",
  ].join("\n");
}

function row({ path, type, presence, description }: CatalogueField): string {
  return `<tr>${[path, type, presence, description].map((text) => `<td>${escaped(text)}</td>`).join("")}</tr>`;
}

const MARKS: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, " ").replace(/[&<>"']/g, (mark) => MARKS[mark]!);
}
