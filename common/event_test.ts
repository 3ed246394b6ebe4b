import { assert, assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { defineEvent } from "./event.ts";
import { definedEvents, eventNamed } from "./event_registry.ts";
import { InvalidEventError } from "./invalid_event_error.ts";

const isoDate = z.codec(z.string(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

const Tested = defineEvent("EventTested", {
  id: z.string(),
  lines: z.array(z.object({ sku: z.string() })),
  note: z.string().optional(),
});

Deno.test("EventDefinition keeps unknown fields, also nested ones", () => {
  const wire = { id: "1", lines: [{ sku: "a", added: 1 }], later: { x: null } };
  const event = Tested.decode(wire);
  assertEquals(event.payload as unknown, wire);
  assertEquals(JSON.parse(Tested.encode(event)), wire);
});

Deno.test("EventDefinition makes deeply frozen events, and leaves the caller's object alone", () => {
  const input = { id: "1", lines: [{ sku: "a" }] };
  const event = Tested.create(input);
  assert([event, event.payload, event.payload.lines, event.payload.lines[0]].every(Object.isFrozen));
  assert(!Object.isFrozen(input) && !Object.isFrozen(input.lines[0]));
});

Deno.test("EventDefinition refuses a payload that does not fit, and names the path", () => {
  const error = assertThrows(() => Tested.decode({ id: 1, lines: [{}] }), InvalidEventError, "payload.id:");
  assert(error.message.includes("payload.lines[0].sku:"));
  assertThrows(() => Tested.decode(null), InvalidEventError, "'EventTested'");
  const event = { type: "EventTested" as const, payload: { id: "1", lines: [], extra: 1n } };
  assertThrows(() => Tested.encode(event), InvalidEventError, "payload.extra: it is a bigint");
});

Deno.test("defineEvent() refuses a name that is taken or malformed", () => {
  assertThrows(() => defineEvent("EventTested", {}), TypeError, "'EventTested': the name is taken");
  for (const name of ["", "lower", "With Space", "Ż", "A".repeat(101)]) {
    assertThrows(() => defineEvent(name, {}), TypeError, "a capital first");
  }
});

Deno.test("defineEvent() takes codecs: one form on the wire, another in memory", () => {
  const Dated = defineEvent("EventDated", { at: isoDate, maybe: z.nullable(isoDate) });
  const at = new Date("2026-01-01T00:00:00.000Z");
  const event = Dated.create({ at, maybe: null });
  assertEquals(event.payload, { at, maybe: null });
  assertEquals(Dated.encode(event), '{"at":"2026-01-01T00:00:00.000Z","maybe":null}');
  assertEquals(Dated.decode(JSON.parse(Dated.encode(event))), event);
});

Deno.test("eventNamed() finds a definition, and lists the known ones when there is none", () => {
  assertEquals(eventNamed("EventTested") as unknown, Tested);
  assertThrows(() => eventNamed("Nothing"), TypeError, "EventTested");
});

Deno.test("defineEvent() keeps what is said of an event, and reads its earlier names", () => {
  const Renamed = defineEvent("EventRenamed", { id: z.string() }, {
    description: "It has another name now.",
    deprecated: "use EventTested",
    aliases: ["EventMisnamed"],
  });
  assertEquals([Renamed.description, Renamed.deprecated, Renamed.aliases], [
    "It has another name now.",
    "use EventTested",
    ["EventMisnamed"],
  ]);
  assertEquals(eventNamed("EventMisnamed") as unknown, Renamed);
  assertEquals(definedEvents().filter((definition) => definition.name === "EventRenamed").length, 1);
  const old = { type: "EventMisnamed", payload: { id: "1" } };
  assertThrows(() => eventNamed("EventMisnamed").encode(old), InvalidEventError, "its type must be 'EventRenamed'");
  for (const aliases of [["EventTested"], ["EventMisnamed"], ["EventNew", "EventNew"], ["EventNew"], ["lower"]]) {
    assertThrows(
      () => defineEvent("EventNew", {}, { aliases }),
      TypeError,
      /^lower/.test(aliases[0]!) ? "a capital first" : "is taken",
    );
  }
  assertEquals(definedEvents().some((definition) => definition.name === "EventNew"), false);
});

Deno.test("EventDefinition writes canonical JSON: keys sorted by their code units, at every depth, no white space", () => {
  const payload = { note: "x", id: "1", lines: [{ sku: "a", "\ufb33": 1, "10": 2, "9": 3, "€": 4, "😀": 5, A: 6 }] };
  const text = '{"id":"1","lines":[{"10":2,"9":3,"A":6,"sku":"a","€":4,"😀":5,"\ufb33":1}],"note":"x"}';
  assertEquals(Tested.encode(Tested.create(payload)), text);
  assertEquals(Tested.encode({ type: "EventTested", payload }), text);
  assertEquals(Tested.encode(Tested.decode(JSON.parse(text))), text);
});
