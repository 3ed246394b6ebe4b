import { aptInstall, canAptInstall } from "@events-pipeline/local/apt";
import { assert, assertEquals } from "@std/assert";
import axe from "axe-core";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const PICTURES = new URL("../../docs/console/", import.meta.url);

/** Starts Debian's Chromium, which is installed where that can be done. */
export async function startBrowser(): Promise<Browser> {
  const isThere = await Deno.stat(CHROMIUM).then(() => true, () => false);
  if (!isThere && await canAptInstall()) await aptInstall("chromium");
  return await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

/** A page, and what went wrong in it: errors of scripts, of the security policy, dialogs that an attack would open. */
export async function openPage(
  browser: Browser,
  options: { readonly width: number; readonly height?: number; readonly colorScheme?: "light" | "dark" },
): Promise<{ readonly page: Page; readonly faults: string[] }> {
  const { width, height = 800, colorScheme = "light" } = options;
  const page = await browser.newPage({ viewport: { width, height }, colorScheme, reducedMotion: "reduce" });
  page.setDefaultTimeout(60_000);
  const faults: string[] = [];
  page.on("console", (message) => {
    // The browser itself tells of each answer like 401 or 503.
    if (message.type() === "error" && !/Failed to load resource|ERR_/.test(message.text())) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("dialog", (dialog) => (faults.push("a dialog"), void dialog.dismiss()));
  return { page, faults };
}

/** Takes a picture for the documentation, if it is asked for. */
export async function picture(page: Page, name: string): Promise<void> {
  if (Deno.env.get("CONSOLE_PICTURES") !== "write") return;
  await Deno.mkdir(PICTURES, { recursive: true });
  await Deno.writeFile(new URL(`${name}.png`, PICTURES), await page.screenshot());
}

/** Checks contrast, names, roles, tables, headings and the like by the rules of WCAG 2.2 AA. */
export async function assertAccessible(page: Page, where: string): Promise<void> {
  assertEquals(await barriers(page), [], where);
}

/**
 * What keeps somebody from using a page, by the rules of WCAG 2.2 AA.
 *
 * @param rules all of them, or those alone that another theme may break
 */
export async function barriers(page: Page, rules: "all" | "colours" = "all"): Promise<readonly string[]> {
  const runOnly = rules === "all"
    ? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    : { type: "rule", values: ["color-contrast", "link-in-text-block"] };
  await page.evaluate(axe.source);
  const found = await page.evaluate(`axe.run(document, {
    runOnly: ${JSON.stringify(runOnly)},
    resultTypes: ["violations"],
  })`) as { readonly violations: readonly { id: string; help: string; nodes: readonly { html: string }[] }[] };
  return found.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** Whether the page is wider than the window. */
export async function isTooWide(page: Page): Promise<boolean> {
  return await page.evaluate("document.documentElement.scrollWidth > innerWidth") as boolean;
}

/** Goes to an element as somebody without a mouse does, and sees where they are. */
export async function tabTo(page: Page, target: Locator): Promise<void> {
  await target.waitFor();
  for (let presses = 0; presses < 120; presses++) {
    if (await target.evaluate((element) => element === element.ownerDocument.activeElement)) {
      const outline = await target.evaluate((element) =>
        (globalThis as unknown as { getComputedStyle(of: unknown): { outlineStyle: string } }).getComputedStyle(element)
          .outlineStyle
      );
      assert(outline !== "none", `${target}: nobody sees that it has the focus`);
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`Cannot reach ${target} by the keyboard`);
}
