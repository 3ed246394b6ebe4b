import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { request } from "node:http";
import { addressFault } from "./config.ts";
import { ATTACK, consoleFixture } from "./testdata/console_fixture.ts";
import { MASKED, maskOf } from "./mask.ts";

const TOKEN = "a-token-of-more-than-32-characters-1234";

async function textOf(response: Promise<Response>, status = 200): Promise<string> {
  const answer = await response;
  const text = await answer.text();
  assertEquals(answer.status, status, text);
  return text;
}

Deno.test("the console shows every page, escaped, under a strict policy", async () => {
  await using fixture = await consoleFixture();
  const { url, pipeline: { stream }, eventId } = fixture;
  const pages: Readonly<Record<string, string>> = {
    "/": "1 consumers, 1 dead letters",
    "/streams": stream,
    "/consumers": "mailer",
    "/consumers?search=nobody": "No consumer has such a name",
    "/dead-letters": "NoteTaken",
    "/dead-letters/1": "12345678901234567890",
    "/dead-letters?type=Other": "None is like that",
    "/events": "Name a stream",
    [`/events?stream=${encodeURIComponent(stream)}&type=NoteTaken`]: eventId,
    [`/events?stream=${encodeURIComponent(stream)}&since=2999-01-01`]: "no such event",
    [`/events/${eventId}`]: "has not come to it",
    "/schemas": "WidgetCreated",
    "/schemas/WidgetCreated": "&quot;properties&quot;",
    "/archive": "whole",
    "/actions": "Nobody has done anything",
  };
  for (const [path, expected] of Object.entries(pages)) {
    const response = await fetch(url + path);
    const policy = response.headers.get("content-security-policy") ?? "";
    assertStringIncludes(policy, "default-src 'none'; script-src 'self'; style-src 'self'");
    assert(!policy.includes("unsafe"));
    const text = await textOf(Promise.resolve(response));
    assertStringIncludes(text, expected, path);
    assert(!text.includes("<img") && !text.includes("<script>"), path);
    assert(!/ (style|on\w+)=/.test(text.replaceAll(/&lt;.*?&gt;/g, "")), path);
  }
  assertStringIncludes(await textOf(fetch(`${url}/dead-letters/1`)), "&lt;script&gt;");
  await textOf(fetch(`${url}/nowhere`), 404);
  await textOf(fetch(`${url}/dead-letters/99`), 404);
  await textOf(fetch(`${url}/events/${crypto.randomUUID()}`), 404);
  await textOf(fetch(`${url}/dead-letters?since=yesterday`), 400);
  for (const asset of ["console.js", "console.css", "uplot.js", "uplot.css"]) {
    assert((await textOf(fetch(`${url}/assets/${asset}`))).length > 500);
  }
});

Deno.test("the console does each action, records who did it, and refuses forms of others", async () => {
  await using fixture = await consoleFixture();
  const { pipeline: { sql, stream } } = fixture;
  const csrf = await fixture.csrf();
  const consumer = { csrf, consumer: "mailer", stream };
  const act = async (path: string, fields: Readonly<Record<string, string>>): Promise<string> => {
    const response = await fixture.post(path, fields);
    assertEquals([response.status, await response.text()], [303, ""]);
    return await textOf(fetch(fixture.url + response.headers.get("location")));
  };
  const wrong = { ...consumer, csrf: "wrong" };
  assertStringIncludes(await textOf(fixture.post("/consumers/pause", wrong), 403), "Nothing was done");
  const foreign = fixture.post("/consumers/pause", consumer, { origin: "https://evil.example" });
  assertEquals(await textOf(foreign, 403), "Foreign origin");
  assertEquals((await sql`SELECT FROM events.console_action`).length, 0);
  assertStringIncludes(await act("/consumers/pause", consumer), "is paused");
  assertStringIncludes(await act("/consumers/resume", consumer), "goes on");
  assertStringIncludes(await act("/consumers/reset", { ...consumer, to: "beginning", confirm: "yes" }), "0-0 → 0-0");
  const [one, two, three] = [await fixture.deadLetter(), await fixture.deadLetter(), await fixture.deadLetter()];
  assertStringIncludes(await act("/dead-letters/redrive", { csrf, id: one }), "1 will be handled again");
  assertStringIncludes(await act("/dead-letters/drop", { csrf, id: two, confirm: "yes" }), "1 are dropped");
  const left = await sql<{ id: string }[]>`SELECT id::text FROM events.dead_letter ORDER BY dead_letter.id`;
  assertEquals(left.map(({ id }) => id), [one, three]);
  const all = { csrf, which: "all", type: "NoteTaken", confirm: "yes" };
  assertStringIncludes(await act("/dead-letters/drop", all), "2 are dropped");
  await textOf(fixture.post("/consumers/pause", { ...consumer, consumer: "nobody" }), 422);
  await textOf(fixture.post("/consumers/reset", { ...consumer, to: "beginning" }), 422);
  await textOf(fixture.post("/dead-letters/drop", { csrf, confirm: "yes" }), 422);
  const actions = await sql`SELECT actor, action, outcome FROM events.console_action ORDER BY id`;
  assertEquals(actions.map(({ actor, action, outcome }) => `${actor} ${action} ${outcome}`), [
    "local Pause consumer done",
    "local Resume consumer done",
    "local Reset consumer done",
    "local Redrive dead letters done",
    "local Drop dead letters done",
    "local Drop dead letters done",
    "local Reset consumer failed",
  ]);
});

Deno.test("the console refuses foreign hosts, and actions without --allow-actions", async () => {
  await using fixture = await consoleFixture({ allowActions: false });
  const { pipeline: { sql, stream }, url } = fixture;
  const csrf = await fixture.csrf();
  const form = { csrf, consumer: "mailer", stream };
  assertStringIncludes(await textOf(fixture.post("/consumers/pause", form), 403), "read-only");
  assert(!(await textOf(fetch(`${url}/consumers`))).includes("/consumers/pause"));
  assertEquals(
    (await sql`SELECT FROM events.consumer_state`).length + (await sql`SELECT FROM events.console_action`).length,
    0,
  );
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  request(url, { headers: { host: "evil.example" }, agent: false }, (response) => {
    response.resume().on("end", () => resolve(response.statusCode));
  }).end();
  assertEquals(await promise, 421);
  const theme = await fixture.post("/theme", { csrf, theme: "dark", back: "//evil.example" });
  assertEquals([theme.headers.get("location"), await theme.text()], ["/", ""]);
  const cookie = theme.headers.get("set-cookie")!.split(";")[0]!;
  assertStringIncludes(await textOf(fetch(url, { headers: { cookie } })), 'data-theme="dark"');
});

Deno.test("the console lets in who has the token, or whom the proxy names", async () => {
  {
    await using fixture = await consoleFixture({ access: { token: TOKEN } });
    const { url } = fixture;
    for (const path of ["/", "/live", "/events", "/dead-letters/1"]) await textOf(fetch(url + path), 401);
    await textOf(fetch(url, { headers: { authorization: `Bearer ${TOKEN}x` } }), 401);
    await textOf(fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } }));
    await textOf(fixture.post("/login", { token: "wrong" }), 401);
    await textOf(fixture.post("/consumers/pause", { consumer: "mailer" }), 401);
    const login = await fixture.post("/login", { token: TOKEN });
    await login.body?.cancel();
    const cookie = login.headers.get("set-cookie")!;
    assertMatch(cookie, /HttpOnly; SameSite=Strict/);
    const session = cookie.split(";")[0]!;
    assertStringIncludes(await textOf(fetch(url, { headers: { cookie: session } })), "Log out");
    await textOf(fetch(url, { headers: { cookie: session.replace("=1", "=2") } }), 401);
  }
  await using fixture = await consoleFixture({ access: { token: TOKEN, proxyHeader: "x-forwarded-user" } });
  const { url } = fixture;
  await textOf(fetch(url, { headers: { "x-forwarded-user": "ada" } }), 401);
  const headers = { "x-forwarded-user": "ada", authorization: `Bearer ${TOKEN}` };
  assertStringIncludes(await textOf(fetch(url, { headers })), "ada · ");
});

Deno.test("addressFault() refuses a public address without authentication", () => {
  const open = { host: "0.0.0.0", port: 1 };
  assertMatch(addressFault(open, {}) ?? "", /CONSOLE_TOKEN/);
  assertEquals(addressFault(open, { token: TOKEN }), undefined);
  for (const host of ["127.0.0.1", "::1", "localhost"]) assertEquals(addressFault({ host, port: 1 }, {}), undefined);
  for (const host of ["127.evil.example", "::", "10.0.0.1"]) assert(addressFault({ host, port: 1 }, {}) !== undefined);
});

Deno.test("the console masks fields, also in errors", async () => {
  await using fixture = await consoleFixture({ mask: ["email"] });
  for (const path of ["/dead-letters", "/dead-letters/1", `/events/${fixture.eventId}`]) {
    assert(!(await textOf(fetch(fixture.url + path))).includes("ada@example.org"), path);
  }
  const mask = maskOf(["a.b"]);
  assertEquals(JSON.parse(mask.json('{"a":[{"b":[1]}],"b":2}')), { a: [{ b: MASKED }], b: 2 });
});

Deno.test("the console tells live figures, and stops while somebody looks", async () => {
  const fixture = await consoleFixture();
  const response = await fetch(`${fixture.url}/live`);
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  const flow = JSON.parse(new TextDecoder().decode(value).replace(/^data: /, ""));
  assertEquals([flow.streams, flow.consumerLag, flow.archiverLag, flow.deadLetters], [1, 1, 1, 1]);
  assertEquals(flow.stalls.map(({ stage }: { stage: string }) => stage), ["consumers"]);
  await fixture[Symbol.asyncDispose]();
  while (!(await reader.read()).done);
});

Deno.test("the console leafs through 500 consumers", async () => {
  await using fixture = await consoleFixture();
  const { pipeline: { sql, stream }, url } = fixture;
  await sql`
    INSERT INTO events.stream_lease (stream_name, role)
    SELECT ${stream}, 'consumer:c' || to_char(g, 'FM000') FROM generate_series(1, 499) AS g`;
  const seen = new Set<string>();
  let path: string | undefined = "/consumers";
  for (let pages = 0; path !== undefined; pages++) {
    assert(pages < 10);
    const text: string = await textOf(fetch(url + path));
    assertStringIncludes(text, "500 in all");
    for (const [, name] of text.matchAll(/<strong>([^<]+)<\/strong>/g)) seen.add(name!);
    path = /<a[^>]* href="(\/consumers\?[^"]*after=[^"]+)"/.exec(text)?.[1]?.replaceAll("&amp;", "&");
  }
  assertEquals(seen.size, 500);
});

Deno.test("the console leafs through 10,000 dead letters", async () => {
  await using fixture = await consoleFixture();
  const { pipeline: { sql, stream }, url } = fixture;
  await sql`
    INSERT INTO events.dead_letter (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at,
      metadata, payload, reason, error, attempts)
    SELECT 'mailer', ${stream}, n, '1-' || n, gen_random_uuid(), 'NoteTaken', clock_timestamp(), '{}', '{}', 'attempts', ${ATTACK}, 1
    FROM generate_series(2, 10000) n`;
  const text = await textOf(fetch(`${url}/dead-letters?consumer=mailer`));
  assertStringIncludes(text, "10000 in all");
  const next = /class="next" href="([^"]+)"/.exec(text)![1]!.replaceAll("&amp;", "&");
  const second = await textOf(fetch(url + next));
  assertStringIncludes(second, 'href="/dead-letters/51"');
  assertEquals(second.match(/href="\/dead-letters\/\d+"/g)?.length, 50);
});
