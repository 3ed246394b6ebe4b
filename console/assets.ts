import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import script from "./browser/console.js" with { type: "text" };
import icon from "./browser/icon.svg" with { type: "text" };
import style from "./browser/console.css" with { type: "text" };
import type { ConsoleApp } from "./console_app.ts";

const ASSETS: Readonly<Record<string, readonly [type: string, text: string]>> = {
  "console.css": ["text/css", style],
  "console.js": ["text/javascript", script],
  "icon.svg": ["image/svg+xml", icon],
  "uplot.css": ["text/css", uplotStyle],
  "uplot.js": ["text/javascript", uplotScript],
};

/** Serves styles and scripts: all of them come from here. */
export function serveAssets(app: ConsoleApp): void {
  for (const [name, [type, text]] of Object.entries(ASSETS)) {
    app.get(
      `/assets/${name}`,
      (c) => c.body(text, 200, { "content-type": `${type}; charset=utf-8`, "cache-control": "private, max-age=60" }),
    );
  }
}
