import { openStore } from "@events-pipeline/archiver";
import { silentLogger } from "@events-pipeline/common/logger";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { connectRedis } from "@events-pipeline/common/redis";
import { startTcpProxy } from "@events-pipeline/local/tcp_proxy";
import { until } from "@events-pipeline/local/until";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { Access, maskOf, type RunningConsole, startConsole } from "./mod.ts";
import { assertAccessible, barriers, isTooWide, openPage, picture, startBrowser, tabTo } from "./testdata/browser.ts";
import { ATTACK } from "./testdata/console_fixture.ts";
import { openShop, type Shop, shopEvents } from "./testdata/shop.ts";

const TOKEN = "a-token-of-more-than-32-characters-1234";

/** A console whose ways to PostgreSQL and Redis can be blocked. */
async function openConsole(shop: Shop, cleanUp: AsyncDisposableStack) {
  const { databaseUrl, redisUrl } = shop.pipeline;
  const postgres = cleanUp.use(await startTcpProxy(databaseUrl));
  const redisProxy = cleanUp.use(await startTcpProxy(redisUrl));
  const sql = connectPostgres(postgres.url, { applicationName: "console", answerLimitMs: 8_000 });
  cleanUp.defer(() => closePostgres(sql));
  const redis = connectRedis(redisProxy.url, { clientName: "console", commandTimeoutMs: 1_000 });
  cleanUp.defer(() => redis.close());
  const store = await openStore(shop.archiveUrl);
  cleanUp.defer(() => store.close());
  const start = (token?: string): RunningConsole =>
    cleanUp.use(startConsole({ host: "127.0.0.1", port: 0 }, {
      ...{ sql, outbox: sql, redis, store, history: shop.history, events: shopEvents, logger: silentLogger },
      ...{ access: new Access({ token }), allowActions: true, mask: maskOf([]), stalledSeconds: 1 },
    }));
  return { postgres, redis: redisProxy, start };
}

/** Everything that comes from outside tries to become a part of the page. */
async function attack({ sql }: Shop["pipeline"]): Promise<void> {
  const payload = JSON.stringify({ note: ATTACK, [ATTACK]: 1 });
  await sql`
    INSERT INTO events.stream_lease (stream_name, role) VALUES ('stream:stock:events', ${`consumer:${ATTACK}`})`;
  await sql`
    INSERT INTO events.dead_letter (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at,
      metadata, payload, reason, error, attempts)
    VALUES (${ATTACK}, 'stream:stock:events', 1, '1-1', gen_random_uuid(), ${ATTACK}, clock_timestamp(), ${payload}::text::json,
      ${payload}::text::json, ${ATTACK}, ${ATTACK}, 3)`;
  await sql`INSERT INTO events.console_action (actor, action, target) VALUES (${ATTACK}, ${ATTACK}, ${payload}::text::json)`;
}

Deno.test({
  name: "the console in a browser: pages, themes, widths, screen readers, the keyboard, login, attacks, outages",
  sanitizeOps: false, // The browser's driver keeps its pipes and timers until the process ends.
  sanitizeResources: false,
}, async (t) => {
  await using cleanUp = new AsyncDisposableStack();
  const shop = cleanUp.use(await openShop());
  const { sql } = shop.pipeline;
  const { postgres, redis, start } = await openConsole(shop, cleanUp);
  const { url } = start();
  const browser = await startBrowser();
  cleanUp.defer(() => browser.close());
  const { page, faults } = await openPage(browser, { width: 1280 });
  const event = `/events/${shop.eventId}`;

  await t.step("the overview moves by itself, and says what stands still", async () => {
    await page.goto(url);
    await page.getByText("Live", { exact: true }).waitFor();
    assertEquals(await page.locator("canvas").count(), 2);
    const published = page.locator("#stage-publisher .line0");
    await until("events are seen to flow", async () => {
      await shop.order(2);
      return await published.innerText() !== "0.0 events/s";
    });
    await page.locator("#stage-consumers.stalled .alarm").waitFor();
    await page.locator("#stalls").getByText("search:index (stream:orders:events): fails on event").waitFor();
    await page.locator("#stage-archiver.flowing").waitFor();
    await takePictures(page, url, shop);
  });

  await t.step("there is something useful to see on each page", async () => {
    const expected: Readonly<Record<string, string>> = {
      "/streams": "stream:orders:events",
      "/consumers?search=billing": "billing:invoice",
      "/dead-letters": "The mail server knows no mailbox ada@example.org",
      "/events?stream=stream:orders:events": "OrderPlaced",
      [event]: "mug-blue",
      "/schemas": "A customer has paid for an order.",
      "/schemas/OrderPlaced": "breaks new code on old events",
      "/archive": "whole",
      "/archive?stream=stream:orders:events": "-10.jsonl.gz",
      "/actions": "Nobody has done anything",
    };
    for (const [path, text] of Object.entries(expected)) {
      await page.goto(url + path);
      await page.getByText(text).first().waitFor();
    }
    await page.goto(`${url}/archive`);
    const cells = await page.getByRole("row", { name: "stream:orders:events" }).getByRole("cell").allInnerTexts();
    assertMatch(cells.join("|"), /^\d+-\d+\|\d+\|.*\|20\d\d-.*Z\|40\|whole$/);
    await page.goto(`${url}/archive?stream=stream:orders:events`);
    assertMatch(await page.getByRole("row").nth(1).innerText(), /\d-1\s+\d+-10\s+10\s+\d+ B\s+20\d\d-/);
    await page.goto(url + event);
    const hops = await page.getByRole("rowheader").allInnerTexts();
    assertEquals(hops, ["sent", "published", "billing:invoice", "mail:confirmation", "search:index", "archived"]);
  });

  await attack(shop.pipeline);
  const [{ id: dead }] = await sql`SELECT max(id)::text AS id FROM events.dead_letter` as [{ id: string }];
  const paths = [
    ...["/", "/streams", "/consumers", "/dead-letters", `/dead-letters/${dead}`, "/events", event, "/schemas"],
    ...["/events?stream=stream:orders:events", "/schemas/OrderPlaced", "/archive", "/actions", "/nowhere"],
    ...["/archive?stream=stream:orders:events", "/dead-letters?since=yesterday", "/consumers?search=none"],
  ];

  await t.step("every page can be read by everybody, in both themes, from 320 pixels to 4K", async () => {
    const found: string[] = [];
    for (const [width, colorScheme] of [[320, "light"], [1280, "light"], [1280, "dark"], [3840, "dark"]] as const) {
      const { page, faults } = await openPage(browser, { width, colorScheme });
      for (const path of paths) {
        await page.goto(url + path);
        const where = `${path} at ${width} pixels, ${colorScheme}`;
        assertEquals(await isTooWide(page), false, where);
        const told = width > 1280 ? [] : await barriers(page, colorScheme === "dark" ? "colours" : "all");
        found.push(...told.map((barrier) => `${where}: ${barrier}`));
        assertEquals(await page.getByRole("heading", { level: 1 }).count(), 1, where);
      }
      assertEquals(faults, [], `${width}`);
      await page.close();
    }
    assertEquals(found, []);
  });

  await t.step("every action can be done with the keyboard alone", () => useKeyboard(page, url, shop));

  await t.step("a form that is not of this console changes nothing", async () => {
    await page.goto(`${url}/consumers`);
    await page.evaluate("document.querySelectorAll('[name=csrf]').forEach((field) => field.value = 'wrong')");
    await page.getByRole("button", { name: "pause billing:invoice" }).click();
    await page.getByText("Nothing was done").waitFor();
    assertEquals((await sql`SELECT FROM events.consumer_state WHERE paused_at IS NOT NULL`).length, 0);
  });

  await t.step("who has the token logs in, and nobody else", async () => {
    const { page } = await openPage(browser, { width: 1280 });
    const { url } = start(TOKEN);
    await page.goto(`${url}/consumers`);
    assertEquals(new URL(page.url()).pathname, "/login");
    await assertAccessible(page, "/login");
    await page.getByLabel("Token").fill("a-wrong-one");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("That is not the token").waitFor();
    await assertAccessible(page, "/login, with a wrong token");
    assertEquals((await page.request.get(`${url}/live`, { headers: { accept: "text/event-stream" } })).status(), 401);
    await page.getByLabel("Token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await page.getByText("Live", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.getByLabel("Token").waitFor();
    await page.goto(`${url}/consumers`);
    assertEquals(new URL(page.url()).pathname, "/login");
    await page.close();
  });

  await t.step("while a server is away the pages say so, and come back by themselves", async () => {
    await page.goto(url);
    await page.getByText("Live", { exact: true }).waitFor();
    redis.refuse();
    redis.cut();
    await page.locator("#stage-redis.stalled").getByText("no answer").waitFor();
    await redis.accept();
    await page.locator("#stage-redis:not(.stalled)").getByText("entries").waitFor();
    postgres.refuse();
    postgres.cut();
    await page.getByText("The figures are old. PostgreSQL does not answer").waitFor();
    const streams = await openPage(browser, { width: 1280 });
    const answer = await streams.page.goto(`${url}/streams`);
    assertEquals(answer!.status(), 503);
    await streams.page.getByRole("heading", { name: "PostgreSQL does not answer" }).waitFor();
    await assertAccessible(streams.page, "503");
    await postgres.accept();
    await page.getByText("Live", { exact: true }).waitFor();
    await streams.page.getByText("stream:orders:events").first().waitFor();
  });
  assertEquals(faults, []);
});

async function useKeyboard(page: Page, url: string, shop: Shop): Promise<void> {
  const { keyboard } = page;
  const { sql } = shop.pipeline;
  const button = (name: string) => page.getByRole("button", { name });
  await page.goto(`${url}/consumers`);
  await keyboard.press("Tab");
  await keyboard.press("Enter");
  assertEquals(await page.evaluate("document.activeElement.id"), "main");
  await tabTo(page, button("dark"));
  await keyboard.press("Enter");
  await page.locator(":root[data-theme=dark]").waitFor();
  assertEquals(await button("dark").getAttribute("aria-pressed"), "true");
  await tabTo(page, page.getByLabel("Name contains"));
  await keyboard.type("billing");
  await keyboard.press("Enter");
  await page.getByText("1 consumer", { exact: true }).waitFor();
  await tabTo(page, button("pause billing:invoice"));
  await keyboard.press("Enter");
  await page.getByRole("status").getByText("is paused").waitFor();
  await tabTo(page, button("resume billing:invoice"));
  await keyboard.press("Space");
  await page.getByRole("status").getByText("goes on").waitFor();
  await page.goto(`${url}/consumers?search=warehouse`);
  await tabTo(page, page.getByLabel("Reset warehouse:reorder"));
  await keyboard.press("Enter");
  await tabTo(page, page.getByLabel("To an entry id"));
  await keyboard.type("beginning");
  await tabTo(page, page.getByLabel("I am sure"));
  await keyboard.press("Space");
  await tabTo(page, button("Reset"));
  await keyboard.press("Enter");
  await page.getByRole("status").getByText("come again").waitFor();

  const count = async (): Promise<number> =>
    (await sql`SELECT FROM events.dead_letter WHERE redrive_requested_at IS NULL`).length;
  const before = await count();
  await page.goto(`${url}/dead-letters?consumer=${encodeURIComponent(ATTACK)}`);
  await tabTo(page, page.getByLabel(/^Choose \d/));
  await keyboard.press("Space");
  await page.keyboard.down("Shift");
  for (
    let presses = 0;
    presses < 40 && !await page.evaluate("document.activeElement.textContent === 'Redrive'");
    presses++
  ) {
    await keyboard.press("Tab");
  }
  await page.keyboard.up("Shift");
  await keyboard.press("Enter");
  await page.getByRole("status").getByText("1 will be handled again").waitFor();
  assertEquals(await count(), before - 1);
  // Nobody runs that consumer.
  await page.goto(`${url}/dead-letters?consumer=${encodeURIComponent(ATTACK)}`);
  await tabTo(page, page.getByLabel("those that are ticked"));
  await keyboard.press("ArrowRight");
  assert(await page.getByLabel("all 1 that the filter shows").isChecked());
  await tabTo(page, page.getByLabel("I am sure"));
  await keyboard.press("Space");
  await tabTo(page, button("Drop"));
  await keyboard.press("Enter");
  await page.getByRole("status").getByText("1 are dropped").waitFor();
  // The box in the head ticks all rows.
  await page.goto(`${url}/dead-letters`);
  const rows = await page.getByLabel(/^Choose \d/).count();
  assert(rows >= 4);
  await tabTo(page, page.getByLabel("Choose all of this page"));
  await keyboard.press("Space");
  assertEquals(await page.locator("tbody input:checked").count(), rows);

  await page.goto(`${url}/events`);
  await tabTo(page, page.getByLabel("Event id"));
  await keyboard.type(shop.eventId);
  await keyboard.press("Enter");
  await page.getByRole("heading", { name: "OrderPlaced", level: 1 }).waitFor();
  const actions = await sql<{ action: string }[]>`
    SELECT action FROM events.console_action WHERE actor = 'local' AND outcome = 'done' ORDER BY id`;
  assertEquals(actions.map(({ action }) => action), [
    ...["Pause consumer", "Resume consumer", "Reset consumer", "Redrive dead letters", "Drop dead letters"],
  ]);
  await page.goto(`${url}/actions`);
  assertStringIncludes(await page.getByRole("row").nth(1).innerText(), "Drop dead letters");
  await tabTo(page, button("light"));
  await keyboard.press("Enter");
  await page.locator(":root[data-theme=light]").waitFor();
}

/** Pictures for the documentation. */
async function takePictures(page: Page, url: string, shop: Shop): Promise<void> {
  if (Deno.env.get("CONSOLE_PICTURES") !== "write") return;
  const browser = page.context().browser()!;
  const ended = new AbortController();
  const busy = (async () => {
    while (!ended.signal.aborted) {
      await shop.order(1 + Math.floor(Math.random() * 5));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  })();
  const dark = (await openPage(browser, { width: 1280, colorScheme: "dark" })).page;
  const narrow = (await openPage(browser, { width: 320, height: 760 })).page;
  for (
    const [each, name] of [[page, "overview-light"], [dark, "overview-dark"], [narrow, "overview-narrow"]] as const
  ) {
    await each.setViewportSize({ width: each === narrow ? 320 : 1280, height: each === narrow ? 760 : 1020 });
    await each.goto(url);
    await new Promise((resolve) => setTimeout(resolve, each === narrow ? 5_000 : 30_000));
    await picture(each, name);
    await each.setViewportSize({ width: each === narrow ? 320 : 1280, height: 800 });
  }
  ended.abort();
  await busy;
  const shots: readonly (readonly [Page, string, string])[] = [
    [dark, "/consumers", "consumers-dark"],
    [narrow, "/consumers", "consumers-narrow"],
    [dark, "/dead-letters", "dead-letters-dark"],
    [page, `/events/${shop.eventId}`, "event-light"],
    [page, "/archive?stream=stream:orders:events", "archive-light"],
    [page, "/schemas/OrderPlaced", "schema-light"],
  ];
  for (const [each, path, name] of shots) {
    await each.goto(url + path);
    if (path.startsWith("/schemas")) {
      await each.getByRole("heading", { name: "History" }).evaluate((heading) => heading.scrollIntoView());
    }
    await picture(each, name);
  }
  await dark.close();
  await narrow.close();
}
