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
  const themes: readonly Theme[] = ["auto", "light", "dark"];
  return document(
    theme,
    title,
    html`
      <a class="skip" href="#main">Skip to the content</a>
      <header>
        <strong class="brand">Events pipeline</strong>
        <nav aria-label="Pages">
          <ul>${PAGES.map(([to, name]) =>
            html`<li><a href="${to}"${
              isAt(path, to)
                ? html`
                  aria-current="page"
                `
                : ""
            }>${name}</a></li>`
          )}</ul>
        </nav>
        <div class="tools">
          <form method="post" action="/theme">${hidden({ csrf, back: path })}
            <label>Theme <select name="theme">${themes.map((name) =>
              html`<option${
                name === theme
                  ? html`
                    selected
                  `
                  : ""
              }>${name}</option>`
            )}</select></label> <button>Set</button>
          </form>
          <span>${actor} · ${frame.allowActions ? "actions allowed" : "read-only"}</span>
          ${frame.hasLogin
            ? html`<form method="post" action="/logout">${hidden({ csrf })}<button>Log out</button></form>`
            : ""}
        </div>
      </header>
      <main id="main" tabindex="-1">
        <h1>${title}</h1>
        ${notice === undefined ? "" : html`<p class="notice" role="status">${notice}</p>`}
        ${body}
      </main>
    `,
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

/** A table that scrolls by itself on a narrow screen. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly unknown[])[]): Html {
  return html`
    <div class="scroll" role="region" aria-label="${caption}" tabindex="0">
      <table>
        <caption>${caption}</caption>
        <thead>
          <tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr>
        </thead>
        <tbody>${rows.map((cells) => html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
      </table>
    </div>
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
  return html`<p><a class="next" href="${path}?${new URLSearchParams(given).toString()}" rel="next">Next page</a></p>`;
}

/** A moment, for people and for programs. */
export function time(at: Date): Html {
  const text = at.toISOString();
  return html`<time datetime="${text}">${text.slice(0, 19).replace("T", " ")}Z</time>`;
}

function isAt(path: string, to: string): boolean {
  return to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`);
}
