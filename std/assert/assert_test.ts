import * as stdAssert from "@std/assert";
import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
  fail,
} from "@std/assert";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

function assertType<_TTrue extends true>() {}

// The compiler refuses a name missing here or not in types.d.ts; the test compares with the JavaScript.
const typedNames: Record<keyof typeof stdAssert, true> = {
  AssertionError: true,
  assert: true,
  assertAlmostEquals: true,
  assertArrayIncludes: true,
  assertEquals: true,
  assertExists: true,
  assertFalse: true,
  assertGreater: true,
  assertGreaterOrEqual: true,
  assertInstanceOf: true,
  assertIsError: true,
  assertLess: true,
  assertLessOrEqual: true,
  assertMatch: true,
  assertNotEquals: true,
  assertNotInstanceOf: true,
  assertNotMatch: true,
  assertNotStrictEquals: true,
  assertObjectMatch: true,
  assertRejects: true,
  assertStrictEquals: true,
  assertStringIncludes: true,
  assertThrows: true,
  equal: true,
  fail: true,
  unimplemented: true,
  unreachable: true,
};

Deno.test("@std/assert types name exactly what the JavaScript exports", () => {
  assertEquals(Object.keys(typedNames).sort(), Object.keys(stdAssert).sort());
});

Deno.test("assertEquals() compares deeply and throws AssertionError", () => {
  assertEquals({ list: [1, new Date(0)] }, { list: [1, new Date(0)] });
  assertThrows(
    () => assertEquals({ a: 1 }, { a: 2 }),
    AssertionError,
    "not equal",
  );
  assertArrayIncludes([{ a: 1 }, { a: 2 }], [{ a: 2 }]);
  assertObjectMatch({ a: 1, b: { c: 2, d: 3 } }, { b: { c: 2 } });
});

Deno.test("assertions narrow what they checked", () => {
  const text = JSON.parse('"text"') as string | undefined;
  assertExists(text);
  assertType<Same<typeof text, string>>();

  const count: unknown = JSON.parse("1");
  assert(typeof count === "number");
  assertType<Same<typeof count, number>>();

  const date: unknown = new Date(0);
  assertInstanceOf(date, Date);
  assertType<Same<typeof date, Date>>();

  const error: unknown = new RangeError("too far");
  assertIsError(error, RangeError, /far/);
  assertType<Same<typeof error, RangeError>>();

  const answer: unknown = 42;
  assertStrictEquals(answer, 42 as const);
  assertType<Same<typeof answer, 42>>();
});

Deno.test("assertThrows() returns the error in the type of its class", () => {
  const thrown = assertThrows(() => {
    throw new RangeError("too far");
  });
  assertType<Same<typeof thrown, unknown>>();
  assertIsError(thrown, RangeError);

  const ranged = assertThrows(
    () => {
      throw new RangeError("too far");
    },
    RangeError,
    "far",
  );
  assertType<Same<typeof ranged, RangeError>>();
  assertThrows(() => assertThrows(() => {}), AssertionError);
});

Deno.test("assertRejects() resolves to the error in the type of its class", async () => {
  const reason = await assertRejects(() => Promise.reject("reason"));
  assertType<Same<typeof reason, unknown>>();
  assertEquals(reason, "reason");

  const error = await assertRejects(
    () => Promise.reject(new TypeError("wrong")),
    TypeError,
    "wrong",
  );
  assertType<Same<typeof error, TypeError>>();
  await assertRejects(
    () => assertRejects(() => Promise.resolve()),
    AssertionError,
  );
});

Deno.test("AssertionError keeps its cause", () => {
  assertEquals(new AssertionError("a", { cause: "b" }).cause, "b");
  assertThrows(() => fail("never"), AssertionError, "never");
});
