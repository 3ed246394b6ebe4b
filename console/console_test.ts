import { makeSegment, openStore } from "@events-pipeline/archiver";
import { loadEvents } from "@events-pipeline/cli/schemas/load_schemas";
import {
  type EventForm,
  type FieldForm,
  historyOf,
  type Revision,
  type Snapshot,
  snapshotOf,
} from "@events-pipeline/compat";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { request } from "node:http";
import { pathToFileURL } from "node:url";
import { addressFault } from "./config.ts";
import { HISTORY_FILE, loadHistory } from "./load_history.ts";
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
    "/": "1 consumer, lag 1",
    "/streams": stream,
    "/consumers": "mailer",
    "/consumers?search=nobody": "No consumer has such a name",
    "/dead-letters": "NoteTaken",
    "/dead-letters/1": "12345678901234567890",
    "/dead-letters?type=Other": "No dead letter is like that",
    "/events": "Name a stream",
    [`/events?stream=${encodeURIComponent(stream)}&type=NoteTaken`]: eventId,
    [`/events?stream=${encodeURIComponent(stream)}&since=2999-01-01`]: "The outbox has no such event",
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
  const { sql, stream } = fixture.pipeline;
  // A handler may put what it likes into its error, and into the reason of a dead letter.
  await sql`
    INSERT INTO events.consumer_state (consumer_name, stream_name, failing_event_id, failing_entry_id, attempts, last_error,
      failing_since, retry_at)
    VALUES ('mailer', ${stream}, gen_random_uuid(), '1-1', 1, 'Cannot mail ada@example.org', clock_timestamp() - interval '1 h',
      clock_timestamp())`;
  await sql`UPDATE events.dead_letter SET reason = 'No mailbox ada@example.org'`;
  const live = (await fetch(`${fixture.url}/live`)).body!.getReader();
  const told = new TextDecoder().decode((await live.read()).value);
  await live.cancel();
  assertStringIncludes(told, "fails on event");
  assert(!told.includes("ada@example.org"));
  for (const path of ["/", "/consumers", "/dead-letters", "/dead-letters/1", `/events/${fixture.eventId}`]) {
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
    assertStringIncludes(text, "500 consumers");
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
  assertStringIncludes(text, "10,000 dead letters");
  const next = /class="next button" href="([^"]+)"/.exec(text)![1]!.replaceAll("&amp;", "&");
  const second = await textOf(fetch(url + next));
  assertStringIncludes(second, 'href="/dead-letters/51"');
  assertEquals(second.match(/href="\/dead-letters\/\d+"/g)?.length, 50);
});

Deno.test("the console finds dead letters and events by what they are, and acts on what a filter shows", async () => {
  await using fixture = await consoleFixture();
  const { pipeline, url } = fixture;
  const { sql, stream } = pipeline;
  await sql`
    INSERT INTO events.dead_letter (consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at,
      metadata, payload, reason, error, attempts, created_at)
    SELECT c, ${stream}, n, '1-' || n, ('01990000-0000-7000-8000-0000000000' || n)::uuid, t, clock_timestamp(), '{}', '{}', 'attempts', 'Failed', 1,
      ('2026-01-0' || n - 19 || 'T12:00Z')::timestamptz
    FROM (VALUES ('billing', 'Paid', 20), ('billing', 'Billed', 21), ('mailer', 'Paid', 22)) AS letters (c, t, n)`;
  const numbers = async (query: string): Promise<readonly string[]> =>
    [...(await textOf(fetch(`${url}/dead-letters?${query}`))).matchAll(/href="\/dead-letters\/(\d+)"/g)].map(([, id]) =>
      id!
    );
  assertEquals(await numbers(""), ["1", "2", "3", "4"]);
  assertEquals(await numbers("consumer=billing"), ["2", "3"]);
  assertEquals(await numbers("consumer=billing&type=Paid"), ["2"]);
  assertEquals(await numbers("event=01990000-0000-7000-8000-000000000022"), ["4"]);
  assertEquals(await numbers("since=2026-01-02T00:00Z&until=2026-01-03T00:00Z"), ["3"]);
  const csrf = await fixture.csrf();
  await (await fixture.post("/dead-letters/redrive", { csrf, which: "all", type: "Paid" })).body?.cancel();
  const asked = await sql<{ id: string }[]>`
    SELECT id::text FROM events.dead_letter WHERE redrive_requested_at IS NOT NULL ORDER BY dead_letter.id`;
  assertEquals(asked.map(({ id }) => id), ["2", "4"]);

  await sql`
    INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, created_at)
    VALUES ('01990000-0000-7000-8000-000000000031', ${stream}, 'Paid', '{}', '2026-01-01T12:00Z'),
           ('01990000-0000-7000-8000-000000000032', ${stream}, 'Paid', '{}', '2026-01-02T12:00Z')`;
  await pipeline.publish();
  const found = async (query: string): Promise<readonly string[]> => {
    const text = await textOf(fetch(`${url}/events?stream=${encodeURIComponent(stream)}&${query}`));
    return [...text.matchAll(/href="\/events\/[^"]*(\d\d)"/g)].map(([, id]) => id!);
  };
  assertEquals(await found(""), ["32", "31", "01"]);
  assertEquals(await found("type=Paid"), ["32", "31"]);
  assertEquals(await found("until=2026-01-02T00:00Z"), ["31"]);
  assertEquals(await found("since=2026-01-02T00:00Z&type=Paid"), ["32"]);
  const byId = await fetch(`${url}/events?id=%20${fixture.eventId}%20`, { redirect: "manual" });
  assertEquals([byId.headers.get("location"), await byId.text()], [`/events/${fixture.eventId}`, ""]);
  for (const query of ["id=1", "since=yesterday", "stream=s&after=x"]) {
    await textOf(fetch(`${url}/events?${query}`), 400);
  }
});

Deno.test("the console finds an event in the archive when the outbox has let it go, and lists no other folder", async () => {
  const folder = await Deno.makeTempDir();
  const store = await openStore(pathToFileURL(folder).href);
  const { key, body, record } = await makeSegment("stream:old:events", [{
    ...{ entryId: "1767225600000-1", eventId: "019b7702-ac00-7000-8000-000000000001", stream: "stream:old:events" },
    ...{ eventType: "NoteTaken", time: "2026-01-01T00:00:00.000Z", metadata: "{}", payload: `{"note":"long ago"}` },
  }]);
  await store.put(key, body, record);
  {
    await using fixture = await consoleFixture({ store });
    const text = await textOf(fetch(`${fixture.url}/events/019B7702-AC00-7000-8000-000000000001`));
    for (const part of ["long ago", "the archive", key]) assertStringIncludes(text, part);
    const none = await textOf(fetch(`${fixture.url}/events/${crypto.randomUUID()}`), 404);
    assertStringIncludes(none, "Neither the outbox nor the archive");
    assertStringIncludes(await textOf(fetch(`${fixture.url}/archive?stream=stream:old:events`)), "1767225600000-1");
    await textOf(fetch(`${fixture.url}/archive?stream=x/../../..`), 404);
  }
  store.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the console shows how an event has changed, and what to do where that is not known", async () => {
  const [WidgetCreated] = await loadEvents(undefined);
  const { events } = snapshotOf([{ WidgetCreated }]);
  const now = events["WidgetCreated"]!;
  const { owner_id: _, ...fields } = (now.payload as { fields: Record<string, FieldForm> }).fields;
  const before: EventForm = { ...now, payload: { kind: "object", fields, unknown: "kept" } };
  const at = (revision: string): Revision => ({
    revision,
    commit: `c0ffee${revision}`,
    at: "2026-01-31T12:00:00Z",
    subject: "<b>",
  });
  const snapshot = (of: Record<string, EventForm>): Snapshot => ({ format: 1, streams: {}, events: of });
  const history = historyOf([
    [at("v1"), snapshot({ WidgetCreated: before, WidgetLost: now })],
    [at("v2"), snapshot({ WidgetCreated: now })],
  ]);
  {
    await using fixture = await consoleFixture();
    assertStringIncludes(await textOf(fetch(`${fixture.url}/schemas/WidgetCreated`)), "deno task schema-history");
    await textOf(fetch(`${fixture.url}/schemas/WidgetLost`), 404);
  }
  await using fixture = await consoleFixture({ history });
  const { url } = fixture;
  const text = await textOf(fetch(`${url}/schemas/WidgetCreated`));
  for (
    const part of ["v2", "first seen", "owner_id", "breaks new code on old events", "&lt;b&gt;", "From 2 revisions"]
  ) {
    assertStringIncludes(text, part);
  }
  assert(!text.includes("is not in the history"));
  assertStringIncludes(await textOf(fetch(`${url}/schemas`)), "removed");
  assertStringIncludes(await textOf(fetch(`${url}/schemas/WidgetLost`)), "may still be in the outbox");
  await using older = await consoleFixture({ history: historyOf([[at("v1"), snapshot({ WidgetCreated: before })]]) });
  const isNewer = await textOf(fetch(`${older.url}/schemas/WidgetCreated`));
  assertStringIncludes(isNewer, "is not in the history, which ends with v1");
});

Deno.test("loadHistory() takes a file that is named, and one of its own that may be missing", async () => {
  const isThere = await Deno.stat(HISTORY_FILE).then(() => true, () => false);
  assertEquals(await loadHistory(undefined) !== undefined, isThere);
  await assertRejects(() => loadHistory("nowhere.json"), Error, "nowhere.json");
});
