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

Deno.test("defineEvent() refuses what JSON cannot carry, with the path", () => {
  const refused = (type: z.ZodType, path: string) =>
    assertThrows(() => defineEvent("EventRefused", { field: type }), TypeError, `EventRefused.field${path}`);
  refused(z.date(), "");
  refused(z.map(z.string(), z.string()), "");
  refused(z.set(z.string()), "");
  refused(z.bigint(), "");
  refused(z.undefined(), "");
  refused(z.coerce.number(), "");
  refused(z.string().transform((text) => text.length), "");
  refused(z.array(z.object({ when: z.date() })), "[].when");
  refused(z.record(z.string(), z.date()), ".<value>");
  refused(z.union([z.string(), z.date()]), "|1");
  refused(z.codec(z.date(), z.string(), { decode: String, encode: (text) => new Date(text) }), "");
  assert(!definedEvents().some((definition) => definition.name === "EventRefused"));
});

Deno.test("defineEvent() takes codecs: one form on the wire, another in memory", () => {
  const Dated = defineEvent("EventDated", { at: isoDate, maybe: z.nullable(isoDate) });
  const at = new Date("2026-01-01T00:00:00.000Z");
  const event = Dated.create({ at, maybe: null });
  assertEquals(event.payload, { at, maybe: null });
  assertEquals(Dated.encode(event), '{"at":"2026-01-01T00:00:00.000Z","maybe":null}');
  assertEquals(Dated.decode(JSON.parse(Dated.encode(event))), event);
});

Deno.test("defineEvent() takes recursive z.lazy() types, and checks them at every depth", () => {
  interface Tree {
    readonly label: string;
    readonly children: readonly Tree[];
  }
  const tree: z.ZodType<Tree> = z.object({ label: z.string(), children: z.array(z.lazy(() => tree)) });
  const Grown = defineEvent("EventGrown", { tree });
  const wire = { tree: { label: "a", children: [{ label: "b", children: [], extra: 1 }] } };
  assertEquals(Grown.decode(wire).payload as unknown, wire);
  const bad = { tree: { label: "a", children: [{ label: 1, children: [] }] } };
  assertThrows(() => Grown.decode(bad), InvalidEventError, "payload.tree.children[0].label");
  const dated: z.ZodType = z.object({ when: z.date(), next: z.lazy(() => dated) });
  assertThrows(() => defineEvent("EventRefused", { dated }), TypeError, "EventRefused.dated.when");
});

Deno.test("eventNamed() finds a definition, and lists the known ones when there is none", () => {
  assertEquals(eventNamed("EventTested") as unknown, Tested);
  assertThrows(() => eventNamed("Nothing"), TypeError, "EventTested");
});
