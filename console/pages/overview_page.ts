import { describeError } from "@events-pipeline/common/logger";
import { html } from "hono/html";
import { streamSSE } from "hono/streaming";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import type { Flow, FlowReader } from "../flow.ts";
import { flowPicture, flowTexts } from "../flow_picture.ts";
import { type Html, page } from "../layout.ts";

/** How often a browser is told. */
const LIVE_MS = 2_000;

/** Serves the overview, and what keeps it live. */
export function serveOverview(app: ConsoleApp, { signal }: ConsoleOptions, flow: FlowReader): void {
  app.get("/", async (c) => c.html(page(c.get("frame"), "Overview", overview(await flow.read(Date.now())))));
  app.get("/live", (c) =>
    streamSSE(c, async (stream) => {
      const gone = Promise.withResolvers<void>();
      const leave = (): void => gone.resolve();
      stream.onAbort(leave);
      signal.addEventListener("abort", leave);
      while (!stream.aborted && !signal.aborted) {
        const data = await flow.read(Date.now()).then(
          (now) => ({ ...now, texts: flowTexts(now) }),
          (error) => ({ error: describeError(error) }),
        );
        await stream.writeSSE({ data: JSON.stringify(data) });
        let timer: ReturnType<typeof setTimeout> | undefined;
        await Promise.race([gone.promise, new Promise((resolve) => timer = setTimeout(resolve, LIVE_MS))]);
        clearTimeout(timer);
      }
      signal.removeEventListener("abort", leave);
    }));
}

function overview(flow: Flow): Html {
  return html`<div data-live="/live">
<p id="link" class="muted" role="status">Figures of this moment</p>
${flow.streams + flow.consumers === 0 ? html`<p>No event was ever sent, and no consumer has begun.</p>` : ""}
<div class="scroll" role="region" aria-label="The flow" tabindex="0">${flowPicture(flow)}</div>
<section aria-labelledby="stalls-title"><h2 id="stalls-title">What stands still</h2>
<ul id="stalls" class="stalls" aria-live="polite">${
    flow.stalls.length === 0
      ? html`<li class="fine">Nothing.</li>`
      : flow.stalls.slice(0, 20).map(({ reason }) => html`<li>${reason}</li>`)
  }</ul></section>
<section aria-labelledby="plots-title"><h2 id="plots-title">Since this page was opened</h2>
<div class="plots"><figure><figcaption>Events a second</figcaption><div id="rates" role="img" aria-label="Events a second over time"></div></figure>
<figure><figcaption>Events behind</figcaption><div id="lags" role="img" aria-label="Events behind over time"></div></figure></div>
<noscript><p>Without scripts the figures stay as they are: load the page anew.</p></noscript></section></div>`;
}
