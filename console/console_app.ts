import type { ObjectStore } from "@events-pipeline/archiver";
import type { SchemaHistory } from "@events-pipeline/compat";
import type { EventDefinition } from "@events-pipeline/common";
import { describeError, type Logger } from "@events-pipeline/common/logger";
import { Hono } from "hono";
import { html } from "hono/html";
import type { Access } from "./access.ts";
import { serveActions } from "./actions.ts";
import { serveAssets } from "./assets.ts";
import { FlowReader } from "./flow.ts";
import { guard } from "./guard.ts";
import { page, type PageFrame } from "./layout.ts";
import type { Sources } from "./sources.ts";
import { troubleOf } from "./trouble.ts";
import { serveActionsPage } from "./pages/actions_page.ts";
import { serveArchive } from "./pages/archive_page.ts";
import { serveConsumers } from "./pages/consumers_page.ts";
import { serveDeadLetters } from "./pages/dead_letters_page.ts";
import { serveEvents } from "./pages/events_page.ts";
import { serveOverview } from "./pages/overview_page.ts";
import { serveSchemas } from "./pages/schemas_page.ts";
import { serveStreams } from "./pages/streams_page.ts";

/** What a console is made of. */
export interface ConsoleOptions extends Sources {
  /** How long something may wait before it counts as stalled, in seconds. */
  readonly stalledSeconds: number;
  readonly access: Access;
  /** Whether it is reached by this machine alone: then requests for other host names are refused. */
  readonly loopback: boolean;
  readonly allowActions: boolean;
  /** The events whose schemas are shown. */
  readonly events: readonly EventDefinition[];
  /** How they have changed, if that is known. */
  readonly history?: SchemaHistory | undefined;
  /** The archive, if its segments are to be listed. */
  readonly store?: ObjectStore | undefined;
  readonly logger: Logger;
  /** Ends what is live. */
  readonly signal: AbortSignal;
}

/** What handlers find in the context of a request. */
export interface ConsoleEnv {
  readonly Variables: {
    frame: PageFrame;
    session: string | undefined;
  };
}

/** The application of Hono. */
export type ConsoleApp = Hono<ConsoleEnv>;

/** Makes the console: its `fetch` answers requests. */
export function consoleApp(options: ConsoleOptions): ConsoleApp {
  const app: ConsoleApp = new Hono<ConsoleEnv>();
  const flow = new FlowReader(options, options.stalledSeconds);
  guard(app, options);
  serveAssets(app);
  serveOverview(app, options, flow);
  serveStreams(app, options);
  serveConsumers(app, options);
  serveDeadLetters(app, options);
  serveEvents(app, options);
  serveSchemas(app, options);
  serveArchive(app, options);
  serveActionsPage(app, options);
  serveActions(app, options);
  app.notFound((c) =>
    c.html(page(c.get("frame"), "Not found", html`<p>There is no such page. <a href="/">To the overview</a></p>`), 404)
  );
  app.onError((error, c) => {
    options.logger.warn("Cannot answer a request", { path: c.req.path, error: describeError(error) });
    const { title, text } = troubleOf(error);
    c.header("retry-after", "5");
    const frame = c.get("frame");
    if (frame === undefined) return c.text(title, 503);
    const { pathname, search } = new URL(c.req.url);
    const body = html`<p class="error" role="alert">${text}</p>${
      c.req.method === "GET"
        ? html`<p data-retry>This page comes back by itself as soon as it can be shown.
<a class="button" href="${pathname + search}">Try again now</a></p>`
        : html`<p>Whether it was done is told by <a href="/actions">the record of actions</a>.</p>`
    }`;
    return c.html(page(frame, title, body), 503);
  });
  return app;
}
