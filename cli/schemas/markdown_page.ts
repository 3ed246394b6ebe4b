import type { CatalogueEvent, CatalogueField } from "./catalogue.ts";

/** A page about events in Markdown. What their authors wrote is shown as it is: none of it becomes Markdown or HTML. */
export function markdownPage(events: readonly CatalogueEvent[]): string {
  return [
    "# Events",
    "",
    ...events.map(({ name, deprecated }) =>
      `- [${name}](#${name.toLowerCase()})${deprecated === undefined ? "" : " (deprecated)"}`
    ),
    "",
    ...events.flatMap(section),
  ].join("\n");
}

function section({ name, description, deprecated, aliases, fields, readers }: CatalogueEvent): string[] {
  return [
    `## ${name}`,
    "",
    ...(deprecated === undefined ? [] : [`**Deprecated:** ${escaped(deprecated)}`, ""]),
    ...(description === "" ? [] : [...paragraphs(description), ""]),
    ...(aliases.length === 0 ? [] : [`Earlier names: ${aliases.join(", ")}`, ""]),
    ...(fields.length === 0
      ? ["It has no fields."]
      : ["| Field | On the wire | Presence | Meaning |", "| --- | --- | --- | --- |", ...fields.map(row)]),
    "",
    ...(readers.length === 0 ? [] : [
      "Read by:",
      "",
      ...readers.map(({ consumer, stream }) => `- ${code(consumer)} on ${code(stream)}`),
      "",
    ]),
  ];
}

function row({ path, type, presence, description }: CatalogueField): string {
  return `| ${code(path)} | ${[type, presence, description].map(escaped).join(" | ")} |`;
}

function paragraphs(text: string): string[] {
  return text.split(/\n{2,}/).flatMap((paragraph, i) => i === 0 ? [escaped(paragraph)] : ["", escaped(paragraph)]);
}

/** On one line, with everything that Markdown or HTML would take for its own made harmless. */
function escaped(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]()#+!|~<>&]/g, "\\$&").replace(/^(\d+)([.)])/, "$1\\$2").replace(
    /^-/,
    "\\-",
  );
}

/** A name, as code where that can be. */
function code(text: string): string {
  return /[`|\\]/.test(text) || text.trim() === "" ? escaped(text) : `\`${oneLine(text)}\``;
}

function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, " ").trim();
}
