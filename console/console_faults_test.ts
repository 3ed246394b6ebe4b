import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { aptInstall, canAptInstall } from "@events-pipeline/local/apt";
import { until } from "@events-pipeline/local/until";
import { type Browser, chromium, type Page } from "playwright-core";
import { consoleFixture } from "./testdata/console_fixture.ts";

const CHROMIUM = "/usr/bin/chromium";
const PICTURES = new URL("../docs/console/", import.meta.url);

async function browser(): Promise<Browser> {
  const isThere = await Deno.stat(CHROMIUM).then(() => true, () => false);
  if (!isThere && await canAptInstall()) await aptInstall("chromium");
  return await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}

async function picture(page: Page, name: string): Promise<void> {
  if (Deno.env.get("CONSOLE_PICTURES") !== "write") return;
  await Deno.mkdir(PICTURES, { recursive: true });
  await Deno.writeFile(new URL(`${name}.png`, PICTURES), await page.screenshot());
}

Deno.test({
  name: "the console works in a browser: each page, each action, both themes, a narrow screen",
  sanitizeOps: false, // The browser's driver keeps its pipes and timers until the process ends.
  sanitizeResources: false,
}, async () => {
  await using fixture = await consoleFixture();
  const { url, pipeline: { sql, stream }, eventId } = fixture;
  const driven = await browser();
  try {
    const page = await driven.newPage({ viewport: { width: 1280, height: 760 }, colorScheme: "light" });
    const faults: string[] = [];
    page.on("console", (message) => void (message.type() === "error" && faults.push(message.text())));
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("dialog", (dialog) => (faults.push("a dialog"), void dialog.dismiss()));
    await page.goto(url);
    await page.getByText("Live", { exact: true }).waitFor();
    assertEquals(await page.locator(".stage.stalled").count(), 1);
    assert(await page.locator("canvas").count() === 2);
    await picture(page, "overview-light");
    await page.keyboard.press("Tab");
    assertEquals(await page.evaluate("document.activeElement.className"), "skip");

    const paths = [
      "/streams",
      "/consumers",
      "/dead-letters",
      "/dead-letters/1",
      `/events/${eventId}`,
      "/schemas",
      "/archive",
      "/actions",
    ];
    for (const width of [320, 1280, 3840]) {
      await page.setViewportSize({ width, height: 760 });
      for (const path of ["/", ...paths]) {
        await page.goto(url + path);
        const isWide = await page.evaluate("document.documentElement.scrollWidth > innerWidth");
        assertEquals([path, width, isWide], [path, width, false]);
        assert(!(await page.title()).includes("owned"), path);
        if (width === 320 && path === "/") await picture(page, "overview-narrow");
      }
    }
    await page.setViewportSize({ width: 1280, height: 760 });
    await page.goto(`${url}/consumers`);
    const back = async (): Promise<string> =>
      await page.evaluate("getComputedStyle(document.body).backgroundColor") as string;
    const light = await back();
    await page.getByLabel("Theme").selectOption("dark");
    await page.getByRole("button", { name: "Set" }).click();
    await until("the dark colours", async () => await back() !== light);
    await page.getByRole("button", { name: "pause mailer" }).click();
    await page.getByText("is paused").waitFor();
    await picture(page, "consumers-dark");
    await page.getByRole("button", { name: "resume mailer" }).click();
    await page.getByText("goes on").waitFor();
    await page.getByLabel("Reset mailer").click();
    await page.getByLabel("To an entry id").fill("beginning");
    await page.getByLabel("I am sure").check();
    await page.getByRole("button", { name: "Reset", exact: true }).click();
    await page.getByText("come again").first().waitFor();

    for (let n = 0; n < 5; n++) await fixture.deadLetter();
    await page.goto(`${url}/dead-letters`);
    await picture(page, "dead-letters-dark");
    await page.locator('input[name="id"]').first().check();
    await page.getByRole("button", { name: "Redrive" }).click();
    await page.getByText("1 will be handled again").waitFor();
    await page.locator('input[name="id"]').last().check();
    await page.getByLabel("I am sure").check();
    await page.getByRole("button", { name: "Drop" }).click();
    await page.getByText("1 are dropped").waitFor();

    await page.getByLabel("Theme").selectOption("light");
    await page.getByRole("button", { name: "Set" }).click();
    await page.goto(`${url}/events/${eventId}`);
    await picture(page, "event-light");
    assertStringIncludes(await page.locator("pre").first().innerText(), "<script>");
    await page.goto(`${url}/schemas/WidgetCreated`);
    await picture(page, "schema-light");
    assertEquals(faults, []);

    await page.goto(`${url}/consumers`);
    await page.evaluate("document.querySelectorAll('[name=csrf]').forEach((field) => field.value = 'wrong')");
    await page.getByRole("button", { name: "pause mailer" }).click();
    await page.getByText("Nothing was done").waitFor();
    assertEquals(
      (await sql`SELECT FROM events.consumer_state WHERE paused_at IS NOT NULL AND stream_name = ${stream}`).length,
      0,
    );
  } finally {
    await driven.close();
  }
});

Deno.test("deno task console refuses a public address without a token, and stops at a signal", async () => {
  await using fixture = await consoleFixture();
  const { databaseUrl, redisUrl } = fixture.pipeline;
  const start = (env: Record<string, string>): Deno.ChildProcess =>
    new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "console"],
      env: { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, ...env },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  const refused = await start({ CONSOLE_ADDRESS: "0.0.0.0:0" }).output();
  assertEquals(refused.code, 2);
  assertStringIncludes(new TextDecoder().decode(refused.stderr), "CONSOLE_TOKEN");
  const short = await start({ CONSOLE_TOKEN: "short" }).output();
  assertEquals(short.code, 2);
  const running = start({ CONSOLE_ADDRESS: "0" });
  const errors = new Response(running.stderr).text();
  const lines = running.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!/http:\/\/127\.0\.0\.1:\d+/.test(said)) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`Cannot start: ${said} ${await errors}`);
    said += value;
  }
  const live = await fetch(`${/http:\/\/127\.0\.0\.1:\d+/.exec(said)![0]}/live`);
  const reader = live.body!.getReader();
  await reader.read();
  running.kill("SIGINT");
  while (!(await reader.read()).done);
  while (!(await lines.read()).done);
  assertEquals([(await running.status).code, await errors], [0, ""]);
});
