import { getCookie, setCookie } from "hono/cookie";
import { html } from "hono/html";
import { isLoopback, SESSION_COOKIE, SESSION_MS } from "./access.ts";
import { readAction } from "./audit.ts";
import type { ConsoleApp, ConsoleOptions } from "./console_app.ts";
import { document, page, themeOf } from "./layout.ts";

const THEME_COOKIE = "events_console_theme";

/** How long a form may be. */
const FORM_BYTES = 64 * 1024;

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; " +
    "base-uri 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** What stands in front of all pages: headers, host, who it is, and whose form it is. */
export function guard(app: ConsoleApp, options: ConsoleOptions): void {
  const { access, loopback, allowActions } = options;
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(HEADERS)) {
      if (!c.res.headers.has(name) || name !== "cache-control") c.res.headers.set(name, value);
    }
  });
  app.use(async (c, next) => {
    const url = new URL(c.req.url);
    // A foreign name that was made to mean this machine: the page behind it is not ours.
    // With a token it would not be let in, and a proxy on this machine may pass on the name that it is called by.
    if (loopback && !access.needsToken && !isLoopback(url.hostname)) return c.text("This host name is not served", 421);
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    if (!isRead && c.req.method !== "POST") return c.text("Only GET and POST", 405);
    if (!isRead) {
      const origin = c.req.header("origin");
      if (origin !== undefined && URL.parse(origin)?.host !== url.host) return c.text("Foreign origin", 403);
      if (c.req.header("sec-fetch-site") === "cross-site") return c.text("Foreign origin", 403);
      if (!(Number(c.req.header("content-length")) <= FORM_BYTES)) return c.text("The form is too long", 413);
    }
    return await next();
  });
  if (access.hasLogin) {
    app.get("/login", (c) => c.html(loginPage()));
    app.post("/login", async (c) => {
      const { token } = await c.req.parseBody();
      if (!access.isToken(typeof token === "string" ? token : undefined)) return c.html(loginPage(true), 401);
      setCookie(c, SESSION_COOKIE, access.session(Date.now()), {
        ...{ httpOnly: true, sameSite: "Strict", path: "/", maxAge: SESSION_MS / 1_000 },
        secure: c.req.header("origin")?.startsWith("https:") ?? false,
      });
      return c.redirect("/", 303);
    });
  }
  app.use(async (c, next) => {
    const { path } = c.req;
    if (access.hasLogin && /^\/assets\/[\w.]+$/.test(path)) return await next();
    const session = getCookie(c, SESSION_COOKIE);
    const actor = access.actorOf(c.req.raw.headers, session, Date.now());
    if (actor === undefined) {
      const isPage = c.req.method === "GET" && c.req.header("accept")?.includes("text/html");
      return access.hasLogin && isPage ? c.redirect("/login", 303) : c.text("Not allowed: say who you are", 401);
    }
    const csrf = access.csrf(actor, session);
    const theme = themeOf(getCookie(c, THEME_COOKIE));
    c.set("session", session);
    const frame = { path, theme, actor, csrf, allowActions, hasLogin: access.hasLogin };
    c.set("frame", frame);
    if (c.req.method === "POST") {
      const { csrf: given } = await c.req.parseBody();
      if (!access.isCsrf(given, actor, session)) {
        const body =
          html`<p role="alert">This form is outdated, or not of this console. Nothing was done. Go back, load the
page anew, and try again.</p>`;
        return c.html(page(frame, "Refused", body), 403);
      }
    }
    const done = c.req.query("done");
    if (done !== undefined && /^\d{1,18}$/.test(done)) {
      const action = await readAction(options.sql, done);
      if (action !== undefined) c.set("frame", { ...frame, notice: `${action.action}: ${action.detail}` });
    }
    return await next();
  });
  app.post("/theme", async (c) => {
    const { theme, back } = await c.req.parseBody();
    setCookie(c, THEME_COOKIE, themeOf(theme), { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 31_536_000 });
    return c.redirect(ownPath(back), 303);
  });
  app.post("/logout", (c) => {
    setCookie(c, SESSION_COOKIE, "", { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 0 });
    return c.redirect("/login", 303);
  });
  app.get("/favicon.ico", (c) => c.redirect("/assets/icon.svg", 301));
}

/** A path of this console; its first page for anything else. */
export function ownPath(text: unknown): string {
  return typeof text === "string" && /^\/(?![/\\])[\w./:{}%~-]*$/.test(text) ? text : "/";
}

function loginPage(wrong = false): ReturnType<typeof document> {
  return document(
    "auto",
    "Log in",
    html`<main id="main" class="login"><h1>Events pipeline</h1>
${wrong ? html`<p class="error" role="alert">That is not the token.</p>` : ""}
<form method="post" action="/login"><label>Token <input name="token" type="password" required autocomplete="current-password"></label>
<button>Log in</button></form></main>`,
  );
}
