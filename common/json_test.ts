import { assertEquals, assertThrows } from "@std/assert";
import { encodeJson } from "./json.ts";

Deno.test("encodeJson() writes what JSON can carry, and leaves undefined properties out", () => {
  assertEquals(encodeJson({ a: [1, "x", true, null], b: undefined, c: {} }), '{"a":[1,"x",true,null],"c":{}}');
  assertEquals(encodeJson(Object.assign(Object.create(null), { a: 1 })), '{"a":1}');
});

Deno.test("encodeJson() refuses what JSON would lose, and names its path", () => {
  for (const value of [NaN, Infinity, 1n, () => {}, Symbol("s"), new Date(), new Map(), new Uint8Array(1)]) {
    assertThrows(() => encodeJson({ a: [{ b: value }] }), TypeError, "$.a[0].b");
  }
  assertThrows(() => encodeJson([undefined]), TypeError, "$[0]");
  assertThrows(() => encodeJson(undefined), TypeError, "undefined");
});

Deno.test("encodeJson() refuses holes in arrays", () => {
  assertThrows(() => encodeJson(new Array(1)), TypeError, "$[0]");
});

Deno.test("encodeJson() refuses cycles with a clear error", () => {
  const cycle: Record<string, unknown> = {};
  cycle["self"] = cycle;
  assertThrows(() => encodeJson(cycle), TypeError, "nested deeper than 100 levels");
});

Deno.test("encodeJson() refuses an object with its own toJSON()", () => {
  assertThrows(() => encodeJson({ toJSON: () => 1 }), TypeError, "$.toJSON");
});
