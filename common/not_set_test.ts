import { assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { defineEvent } from "./event.ts";
import { InvalidEventError } from "./invalid_event_error.ts";
import { isSet, NOT_SET, notSet } from "./not_set.ts";

const Painted = defineEvent("NotSetTestPainted", {
  id: z.string(),
  colour: notSet(z.string()),
  weight: notSet(z.nullable(z.number())),
});

Deno.test("notSet() reads an absent field as NOT_SET, and null as null", () => {
  const { payload } = Painted.decode({ id: "1", weight: null });
  assertEquals([payload.colour, payload.weight], [NOT_SET, null]);
});

Deno.test("notSet() leaves the field out on the wire", () => {
  assertEquals(Painted.encode(Painted.create({ id: "1" })), '{"id":"1"}');
  assertEquals(Painted.encode(Painted.create({ id: "1", colour: NOT_SET, weight: 2 })), '{"id":"1","weight":2}');
});

Deno.test("notSet() still checks a value that is there", () => {
  assertThrows(() => Painted.decode({ id: "1", colour: 5 }), InvalidEventError, "payload.colour");
  assertThrows(() => Painted.decode({ id: "1", colour: null }), InvalidEventError, "payload.colour");
  assertThrows(() => Painted.create({ id: "1", colour: 5 as unknown as string }), InvalidEventError, "payload.colour");
});

Deno.test("isSet() is false for NOT_SET alone", () => {
  assertEquals([isSet(""), isSet(null), isSet(undefined), isSet(NOT_SET)], [true, true, true, false]);
});
