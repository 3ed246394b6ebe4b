import { runTask } from "@events-pipeline/local/daemon_process";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { resolve } from "node:path";

const SHOP = "cli/testdata/shop_events.ts";
const run = (...args: string[]) => runTask("schemas", { args, environment: {} });

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "events-schemas-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("schemas ls lists the events of this repository, or of a module", async () => {
  const [own, shop] = await Promise.all([run("ls"), run("ls", "--schemas", SHOP)]);
  assertEquals([own.code, own.stderr, shop.code, shop.stderr], [0, "", 0, ""]);
  assertMatch(own.stdout, /^WidgetCreated +widget_id, owner_id/m);
  const [, basket, order] = shop.stdout.split("\n");
  assertMatch(basket!, /^BasketLeft +Deprecated: nobody reads it/);
  assertMatch(
    order!,
    /^OrderPlaced +order_id, at, total, lines, pay, labels, category, serial, pair +A customer has placed/,
  );
});

Deno.test("schemas show tells every field in words, by an event's name or an earlier one", async () => {
  const { code, stdout, stderr } = await run("show", "OrderMade", "BasketLeft", "--schemas", SHOP);
  assertEquals([code, stderr], [0, ""]);
  const rows = stdout.split("\n").map((line) => line.replace(/ {2,}/g, " | "));
  for (
    const row of [
      "Earlier names: OrderMade",
      "at | text, date-time (Date in memory) | always",
      "total | number, 0 or more, a multiple of 0.01 | always",
      "lines | list of object, 1 or more | always",
      "lines[].sku | text, 1 to 20 characters | always",
      "lines[].count | whole number, above 0 | always",
      "lines[].note | text or null | may be absent: NOT_SET",
      "pay | object | always",
      'pay(card).by | "card" | always',
      "pay(card).number | text, like /^\\d{4}$/ | always",
      'pay(cash).by | "cash" | always',
      'labels | object of ("new" or "sale") by name | always',
      "category.parent | as category or null | always",
      "serial | text, like /^(?:0|-?[1-9][0-9]{0,999})$/ (bigint in memory) | may be absent: undefined",
      'pair | list of exactly text, (true or false) | if absent: ["a",true]',
      "BasketLeft",
      "It has no fields.",
    ]
  ) assert(rows.includes(row), `${row} is not in\n${rows.join("\n")}`);
  assert(!stdout.includes("\r"));
});

Deno.test("schemas json-schema prints schemas, or writes a file for each that a validator takes", async () => {
  await using folder = await temporaryFolder();
  const out = `${folder.path}/deep/er`;
  const [printed, written] = await Promise.all([
    run("json-schema", "--schemas", SHOP),
    run("json-schema", "--schemas", SHOP, "--out", out),
  ]);
  assertEquals([printed.code, written.code, written.stderr], [0, 0, ""]);
  assertEquals(written.stdout, `${out}/BasketLeft.json\n${out}/OrderPlaced.json\n`);
  const all = JSON.parse(printed.stdout);
  assertEquals(Object.keys(all), ["BasketLeft", "OrderPlaced"]);
  const schema = JSON.parse(await Deno.readTextFile(`${out}/OrderPlaced.json`));
  assertEquals(schema, all.OrderPlaced);
  const validate = new Ajv2020({ strict: true, strictTuples: false, validateFormats: false }).compile(schema);
  const order = {
    order_id: "019a2f6e-0000-7000-8000-000000000000",
    at: "2026-01-31T12:00:00Z",
    total: 1,
    lines: [{ sku: "a", count: 1, later: {} }],
    pay: { by: "cash" },
    labels: { a: "new" },
    category: { name: "a", parent: { name: "b", parent: null } },
  };
  assertEquals([validate(order), validate({ ...order, category: { name: "a", parent: 1 } })], [true, false]);
});

Deno.test("schemas docs makes a page in Markdown that says who reads what, and in which no author's text is Markdown", async () => {
  const { code, stdout, stderr } = await run("docs", "--schemas", SHOP, "--handlers", "cli/testdata/shop_handlers.ts");
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "- [OrderPlaced](#orderplaced)");
  assertStringIncludes(stdout, "- `shop:pack` on `stream:shop:events`");
  assertStringIncludes(stdout, "| `lines[].sku` | text, 1 to 20 characters | always |  |");
  assertStringIncludes(stdout, "It is \\<b\\>not\\</b\\> paid yet.");
  const row = stdout.split("\n").find((line) => line.startsWith("| `order_id`"))!;
  assertEquals(row.replace(/\\./g, "").match(/\|/g)!.length, 5);
  assertMatch(row, /\\<script\\>alert\\\("id"\\\).*\\\*bold\\\* \\\[a\\\].*next line \|$/);
});

Deno.test("schemas docs --format html makes a page in which everything is escaped", async () => {
  const { code, stdout, stderr } = await run(
    "docs",
    "--schemas",
    SHOP,
    "--handlers",
    "cli/testdata/shop_*.ts",
    "--format",
    "html",
  );
  // A glob that finds a file without consumers is a mistake.
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /exports no consumer/);
  const page = await run("docs", "--schemas", SHOP, "--handlers", "cli/testdata/shop_handlers.ts", "--format", "html");
  assertEquals([page.code, page.stderr], [0, ""]);
  assertStringIncludes(page.stdout, "&lt;script&gt;alert(&quot;id&quot;)&lt;/script&gt; | `x` *bold*");
  assertStringIncludes(page.stdout, "<li>shop:pack on stream:shop:events</li>");
  assertStringIncludes(page.stdout, '<p class="deprecated">Deprecated: nobody reads it; use &lt;OrderPlaced&gt;</p>');
  const tags = new Set([...page.stdout.matchAll(/<\/?([a-z0-9!]+)/g)].map(([, tag]) => tag));
  const own = "!doctype html head meta title style body h1 ul li a span section h2 p table thead tr th tbody td".split(
    " ",
  );
  assertEquals([...tags].filter((tag) => !own.includes(tag!)), []);
});

Deno.test("schemas works on a module outside of this repository, and on one that has the packages by another way", async () => {
  await using folder = await temporaryFolder();
  const common = resolve(import.meta.dirname!, "../common/mod.ts");
  await Deno.writeTextFile(
    `${folder.path}/events.ts`,
    `import { defineEvent } from "@events-pipeline/common";
     import { z } from "zod";
     export const ThingDone = defineEvent("ThingDone", { id: z.string() });`,
  );
  await Deno.writeTextFile(
    `${folder.path}/linked.ts`,
    `export * from "${new URL(`file://${common}`).href}"; export * from "./events.ts";`,
  );
  for (const file of ["events.ts", "linked.ts"]) {
    const { code, stdout, stderr } = await run("ls", "--schemas", `${folder.path}/${file}`);
    assertEquals([code, stderr], [0, ""], file);
    assertMatch(stdout, /^ThingDone +id$/m);
  }
});

const wrong: Record<string, readonly [args: readonly string[], message: RegExp]> = {
  "no command": [[], /needs a command: ls, show, json-schema, docs/],
  "an unknown command": [["tell"], /no command 'tell'/],
  "no name": [["show"], /--name NAME is missing/],
  "an unknown name": [["show", "Nope"], /There is no event 'Nope'\. There are: WidgetCreated/],
  "an unknown format": [["docs", "--format", "pdf"], /--format must be md or html/],
  "no such module": [["ls", "--schemas", "nowhere.ts"], /Cannot load the schemas file 'nowhere\.ts'/],
  "a module without events": [
    ["ls", "--schemas", "cli/testdata/shop_handlers.ts"],
    /exports nothing that defineEvent has made/,
  ],
  "no such handlers": [["docs", "--handlers", "nowhere/*.ts"], /no such file/],
};

Deno.test("schemas refuses wrong arguments with 2, fails with 1 where it cannot write, and helps", async () => {
  await Promise.all(
    Object.entries(wrong).map(async ([what, [args, message]]) => {
      const { code, stdout, stderr } = await run(...args);
      assertEquals([code, stdout], [2, ""], what);
      assertMatch(stderr, message, what);
    }),
  );
  const full = await run("json-schema", "--out", "deno.json/x");
  assertEquals([full.code, full.stdout], [1, ""]);
  assertMatch(full.stderr, /^deno task schemas json-schema: /);
  const help = await run("show", "--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assertMatch(help.stdout, /Usage: deno task schemas show \[flags\]/);
});
