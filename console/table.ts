import { html } from "hono/html";
import type { Html } from "./layout.ts";

/** A column of a table. */
export type Column = string | { readonly title: string; readonly isNumber?: boolean; readonly isHidden?: boolean };

/** A column of numbers. */
export function numbers(title: string): Column {
  return { title, isNumber: true };
}

/** A column whose title is told by screen readers only. */
export function untitled(title: string): Column {
  return { title, isHidden: true };
}

/**
 * A table that scrolls by itself. On a narrow screen each row becomes a card, whose lines have the columns' titles: then the browser
 * would no longer take it for a table, so that its roles are written out.
 *
 * @param heading which column tells what a row is about
 */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly unknown[])[],
  heading = 0,
): Html {
  const given = columns.map((column) => typeof column === "string" ? { title: column } : column);
  const kind = (i: number): string => given[i]!.isNumber ? "number" : "";
  const cell = (content: unknown, i: number): Html =>
    i === heading
      ? html`<th scope="row" role="rowheader" data-title="${given[i]!.title}" class="${kind(i)}">${content}</th>`
      : html`
        <td role="cell" data-title="${given[i]!.title}" class="${kind(i)}${isBlank(content) ? " blank" : ""}">
          <div>${content}</div>
        </td>
      `;
  return html`
    <div class="scroll" role="region" aria-label="${caption}" tabindex="0">
      <table role="table">
        <caption class="unseen">${caption}</caption>
        <thead role="rowgroup">
          <tr role="row">${given.map(({ title, isHidden }, i) =>
            html`<th scope="col" role="columnheader" class="${kind(i)}">${
              isHidden ? html`<span class="unseen">${title}</span>` : title
            }</th>`
          )}</tr>
        </thead>
        <tbody role="rowgroup">${rows.map((cells) => html`<tr role="row">${cells.map(cell)}</tr>`)}</tbody>
      </table>
    </div>
  `;
}

function isBlank(content: unknown): boolean {
  return content === "" || content === undefined || content === null;
}
