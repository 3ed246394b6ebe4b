import { html } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";

/** HTML whose values were escaped. */
export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** What every page is told of the request. */
export interface PageFrame {
  /** The path of the page, for the navigation. */
  readonly path: string;
  readonly theme: Theme;
  /** Who looks at it. */
  readonly actor: string;
  /** What its forms carry. */
  readonly csrf: string;
  readonly allowActions: boolean;
  /** Whether there is a way to log out. */
  readonly hasLogin: boolean;
  /** What the last action has done. */
  readonly notice?: string | undefined;
}

/** Which colours: the system's, or chosen. */
export type Theme = "auto" | "light" | "dark";

const THEMES: readonly Theme[] = ["auto", "light", "dark"];

/** Reads a theme. */
export function themeOf(text: unknown): Theme {
  return text === "light" || text === "dark" ? text : "auto";
}

const PAGES: readonly (readonly [path: string, title: string])[] = [
  ["/", "Overview"],
  ["/streams", "Streams"],
  ["/consumers", "Consumers"],
  ["/dead-letters", "Dead letters"],
  ["/events", "Events"],
  ["/schemas", "Schemas"],
  ["/archive", "Archive"],
  ["/actions", "Actions"],
];

/** A whole page. */
export function page(frame: PageFrame, title: string, body: Html): Html {
  const { path, theme, actor, csrf, notice } = frame;
  const links = PAGES.map(([to, name]) =>
    html`<li><a href="${to}"${
      isAt(path, to)
        ? html`
          aria-current="page"
        `
        : ""
    }>${name}</a></li>`
  );
  const themes = THEMES.map((name) =>
    html`<button name="theme" value="${name}" aria-pressed="${name === theme ? "true" : "false"}">${name}</button>`
  );
  return document(
    theme,
    title,
    html`<a class="skip" href="#main">Skip to the content</a>
<header><a class="brand" href="/">Events pipeline</a>
<nav aria-label="Pages"><ul>${links}</ul></nav>
<div class="tools"><span class="actor">${actor} · ${frame.allowActions ? "actions allowed" : "read-only"}</span>
<form method="post" action="/theme" class="themes">${
      hidden({ csrf, back: path })
    }<div role="group" aria-label="Colours">${themes}</div></form>
${
      frame.hasLogin
        ? html`<form method="post" action="/logout">${hidden({ csrf })}<button>Log out</button></form>`
        : ""
    }</div>
</header>
<main id="main" tabindex="-1"><h1>${title}</h1>
${notice === undefined ? "" : html`<p class="notice" role="status">${notice}</p>`}
${body}</main>`,
  );
}

/** The outer part of every document. */
export function document(theme: Theme, title: string, body: Html): Html {
  return html`
    <!DOCTYPE html>
    <html lang="en" data-theme="${theme}">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>${title} · Events pipeline</title>
        <link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
        <link rel="stylesheet" href="/assets/uplot.css">
        <link rel="stylesheet" href="/assets/console.css">
        <script defer src="/assets/uplot.js"></script>
        <script defer src="/assets/console.js"></script>
      </head>
      <body>${body}</body>
    </html>
  `;
}

/** Hidden fields of a form. */
export function hidden(fields: Readonly<Record<string, string | undefined>>): Html {
  return html`${
    Object.entries(fields).filter(([, value]) => value !== undefined)
      .map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)
  }`;
}

/** What is said where there is nothing to show, and what to do. */
export function empty(title: string, more: Html | string = ""): Html {
  return html`<div class="empty"><p><strong>${title}</strong></p>${more === "" ? "" : html`<p>${more}</p>`}</div>`;
}

/** The fields of a filter, each with what is in it. */
export function filterForm(
  action: string,
  fields: readonly { readonly name: string; readonly title: string; readonly value: string; readonly hint?: string }[],
  button: string,
): Html {
  const isFiltered = fields.some(({ value }) => value !== "");
  return html`
    <form method="get" action="${action}" class="filter"
      role="search">${fields.map(({ name, title, value, hint }) =>
        html`<label>${title} <input name="${name}" value="${value}" autocomplete="off"${
          hint === undefined ? "" : html`
            placeholder="${hint}"
          `
        }></label>`
      )}<span class="buttons"><button class="main">${button}</button>${isFiltered
        ? html`<a class="button" href="${action}">Clear</a>`
        : ""}</span></form>
  `;
}

/** The link to the next page; nothing on the last one. */
export function nextPage(
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  cursor: string | undefined,
): Html {
  if (cursor === undefined) return html``;
  const given = Object.entries({ ...query, after: cursor }).filter((pair): pair is [string, string] => !!pair[1]);
  const to = `${path}?${new URLSearchParams(given).toString()}`;
  return html`<p><a class="next button" href="${to}" rel="next">Next page</a></p>`;
}

/** A moment, for people and for programs. */
export function time(at: Date): Html {
  const text = at.toISOString();
  return html`<time datetime="${text}">${text.slice(0, 19).replace("T", " ")}Z</time>`;
}

/** Names and what belongs to them. */
export function facts(rows: readonly (readonly [name: string, value: unknown])[]): Html {
  return html`<dl class="facts">${
    rows.map(([name, value]) =>
      html`
        <div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>
      `
    )
  }</dl>`;
}

function isAt(path: string, to: string): boolean {
  return to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`);
}
