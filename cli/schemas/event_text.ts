import { textTable } from "@events-pipeline/common/text-table";
import type { CatalogueEvent } from "./catalogue.ts";

/** An event in words, for a terminal. */
export function eventText({ name, description, deprecated, aliases, fields }: CatalogueEvent): string {
  const rows = fields.map(({ path, type, presence, description }) => [path, type, presence, description]);
  return [
    name,
    ...(description === "" ? [] : [plain(description)]),
    ...(deprecated === undefined ? [] : [`Deprecated: ${plain(deprecated)}`]),
    ...(aliases.length === 0 ? [] : [`Earlier names: ${aliases.join(", ")}`]),
    "",
    fields.length === 0 ? "It has no fields." : textTable(["FIELD", "ON THE WIRE", "PRESENCE", "MEANING"], rows),
  ].join("\n");
}

/** Events in a list, for a terminal. */
export function eventList(events: readonly CatalogueEvent[]): string {
  const rows = events.map(({ name, fields, deprecated, description }) => {
    const top = fields.filter(({ path }) => !/[.[(]/.test(path)).map(({ path }) => path);
    return [name, top.join(", "), deprecated === undefined ? description : `Deprecated: ${deprecated}`];
  });
  return textTable(["EVENT", "FIELDS", "MEANING"], rows);
}

/** Without what would move the cursor, but for line breaks. */
function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]+/g, " ");
}
