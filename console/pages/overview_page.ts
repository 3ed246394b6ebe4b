import { html } from "hono/html";
import { streamSSE } from "hono/streaming";
import type { ConsoleApp, ConsoleOptions } from "../console_app.ts";
import type { Flow, FlowReader } from "../flow.ts";
import { flowingStages, flowPicture, flowTexts } from "../flow_picture.ts";
import { empty, type Html, page } from "../layout.ts";
import { troubleOf } from "../trouble.ts";

/** How often a browser is told. */
const LIVE_MS = 2_000;

/** How many stalls are listed. */
const LISTED = 20;

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
        const data = await flow.read(Date.now()).then(liveFigures, (error) => {
          const { title, text } = troubleOf(error);
          return { error: `${title}: ${text}` };
        });
        await stream.writeSSE({ data: JSON.stringify(data) });
        let timer: ReturnType<typeof setTimeout> | undefined;
        await Promise.race([gone.promise, new Promise((resolve) => timer = setTimeout(resolve, LIVE_MS))]);
        clearTimeout(timer);
      }
      signal.removeEventListener("abort", leave);
    }));
}

/** What a browser is told: figures for its plots, and texts as they are to be shown. */
function liveFigures(flow: Flow): Readonly<Record<string, unknown>> {
  return { ...flow, texts: flowTexts(flow), flowing: flowingStages(flow), reasons: reasonsOf(flow) };
}

function reasonsOf({ stalls }: Flow): readonly string[] {
  const shown = stalls.slice(0, LISTED).map(({ reason }) => reason);
  return stalls.length > LISTED ? [...shown, `and ${stalls.length - LISTED} more`] : shown;
}

function overview(flow: Flow): Html {
  const reasons = reasonsOf(flow);
  return html`<div data-live="/live">
<p id="link" class="link" role="status">Figures of this moment</p>
${
    flow.streams + flow.consumers === 0
      ? empty(
        "No event was ever sent, and no consumer has begun",
        html`The first event makes a stream: <code>deno task send-event</code> sends one by hand.`,
      )
      : ""
  }
${flowPicture(flow)}
<section aria-labelledby="stalls-title"><h2 id="stalls-title">What stands still</h2>
<ul id="stalls" class="stalls" aria-live="polite">${
    reasons.length === 0
      ? html`<li class="fine">Nothing: all that was sent is on its way.</li>`
      : reasons.map((reason) => html`<li>${reason}</li>`)
  }</ul></section>
<section aria-labelledby="plots-title"><h2 id="plots-title">Since this page was opened</h2>
<div class="plots"><figure><figcaption>Events a second</figcaption><div id="rates" role="img" aria-label="Events a second over time, as told above"></div></figure>
<figure><figcaption>Events behind</figcaption><div id="lags" role="img" aria-label="Events behind over time, as told above"></div></figure></div>
<noscript><p>Without scripts the figures stay as they are: load the page anew.</p></noscript></section></div>`;
}
