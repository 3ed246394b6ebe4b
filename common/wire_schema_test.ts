import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { z } from "zod";
import { isoDate } from "./codecs.ts";
import { defineEvent } from "./event.ts";
import { definedEvents } from "./event_registry.ts";
import { InvalidEventError } from "./invalid_event_error.ts";
import { NOT_SET, notSet } from "./not_set.ts";

class Money {
  readonly amount = 1;
}

const upper = z.codec(z.string(), z.string(), {
  decode: (text) => text.toUpperCase(),
  encode: (text) => text.toLowerCase(),
});
const node = z.object({
  label: z.string(),
  get next() {
    return z.optional(node);
  },
  get when() {
    return z.date();
  },
});
const endless = (): z.ZodType => z.object({ deeper: z.lazy(endless) });
const itself: z.ZodType = z.lazy(() => itself);
const either: z.ZodType = z.union([z.string(), z.lazy(() => either)]);

/** What is refused: the field's type, how its path goes on behind the field's name, and the reason. */
const refused: Record<string, readonly [type: unknown, path: string, reason: RegExp]> = {
  "z.any()": [z.any(), "", /use z\.json/],
  "z.unknown()": [z.unknown(), "", /use z\.json/],
  "z.date()": [z.date(), "", /use isoDate/],
  "z.bigint()": [z.bigint(), "", /use bigintString/],
  "z.int64()": [z.int64(), "", /use bigintString/],
  "z.map()": [z.map(z.string(), z.string()), "", /use z\.record/],
  "z.set()": [z.set(z.string()), "", /use z\.array/],
  "z.undefined()": [z.undefined(), "", /no undefined/],
  "z.void()": [z.void(), "", /no undefined/],
  "z.never()": [z.never(), "", /no value fits/],
  "z.nan()": [z.nan(), "", /no NaN/],
  "z.symbol()": [z.symbol(), "", /no symbols/],
  "z.file()": [z.file(), "", /files/],
  "z.function()": [z.function(), "", /functions/],
  "z.promise()": [z.promise(z.string()), "", /await/],
  "z.instanceof()": [z.instanceof(Money), "", /instances of classes/],
  "z.custom()": [z.custom<string>(), "", /instances of classes/],
  "z.intersection()": [z.intersection(z.object({}), z.object({})), "", /extend/],
  "z.catch()": [z.string().catch("x"), "", /hides/],
  "z.transform()": [z.transform(String), "", /no way back/],
  "a transform": [z.string().transform((text) => text.length), "", /no way back/],
  "z.preprocess()": [z.preprocess(String, z.string()), "", /no way back/],
  "z.coerce": [z.coerce.number(), "", /no way back/],
  "z.strictObject()": [z.strictObject({}), "", /closed object/],
  "trim()": [z.string().trim(), "", /before the event is made/],
  "an asynchronous check": [z.string().refine(async () => await true), "", /asynchronous/],
  "an asynchronous codec": [
    z.codec(z.string(), z.string(), { decode: async (text) => await text, encode: (text) => text }),
    "",
    /asynchronous/,
  ],
  "a codec from a type that is not JSON's": [
    z.codec(z.date(), z.string(), { decode: String, encode: (text) => new Date(text) }),
    "",
    /use isoDate/,
  ],
  "a literal undefined": [z.literal([undefined, "x"]), "", /no undefined/],
  "a literal bigint": [z.literal(1n), "", /no bigint/],
  "a literal NaN": [z.literal(NaN), "", /no NaN/],
  "an enum with Infinity": [z.enum({ most: Infinity }), "", /no Infinity/],
  "an empty enum": [z.enum([]), "", /no value fits/],
  "what is no schema": ["text", "", /not a zod schema/],
  "a schema of another library": [{ parse: () => 1 }, "", /not a zod schema/],
  "inside an array": [z.array(z.date()), "[]", /use isoDate/],
  "inside an object in an array": [z.array(z.object({ when: z.date() })), "[].when", /use isoDate/],
  "inside a record": [z.record(z.string(), z.date()), ".<value>", /use isoDate/],
  "inside a tuple": [z.tuple([z.string(), z.date()]), "[1]", /use isoDate/],
  "inside a tuple's rest": [z.tuple([z.string()], z.date()), "[…]", /use isoDate/],
  "inside a union": [z.union([z.string(), z.date()]), "|1", /use isoDate/],
  "inside a discriminated union": [
    z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("a"), at: z.date() }),
      z.object({ kind: z.literal("b") }),
    ]),
    "|0.at",
    /use isoDate/,
  ],
  "inside an optional nullable readonly": [z.date().nullable().optional().readonly(), "", /use isoDate/],
  "inside a catchall": [z.object({}).catchall(z.date()), ".<other>", /use isoDate/],
  "inside a pipe": [z.pipe(z.string(), z.string().transform(Number)), "", /no way back/],
  "inside a lazy type": [z.lazy(() => z.object({ when: z.date() })), ".when", /use isoDate/],
  "inside a recursive getter": [z.object({ node }), ".node.when", /use isoDate/],
  "a lazy type that is not there yet": [
    z.lazy(() => {
      throw new ReferenceError("Cannot access 'later' before initialization");
    }),
    "",
    /'later' before initialization\. Define what it needs before/,
  ],
  "an endless lazy type": [endless(), ".deeper.deeper…", /… in an event: .*100 levels/],
  "a lazy type of itself": [z.array(itself), "[]", /contains itself/],
  "an alternative that is the whole": [either, "|1", /contains itself/],
  "undefined in an array": [z.array(z.string().optional()), "[]", /may be absent/],
  "undefined in a record": [z.record(z.string(), z.string().optional()), ".<value>", /may be absent/],
  "undefined in a tuple": [z.tuple([z.string().optional()]), "[0]", /may be absent/],
  "undefined in a union": [z.union([z.string(), z.number().optional()]), "|1", /may be absent/],
  "notSet() in an array": [z.array(notSet(z.string())), "[]", /may be absent/],
  "notSet() inside nullable": [
    z.nullable(notSet(z.string()) as unknown as z.ZodType),
    "",
    /notSet\(\) must be around it/,
  ],
  "notSet() inside optional": [
    z.optional(notSet(z.string()) as unknown as z.ZodType),
    "",
    /notSet\(\) must be around it/,
  ],
  "z.looseRecord()": [z.looseRecord(z.string().regex(/^a/), z.int()), "", /lets in what it does not look at/],
  "numbers as keys": [z.record(z.number(), z.string()), ".<key>", /must be text/],
  "a codec in keys": [z.record(upper, z.string()), ".<key>", /must be text/],
  "a key that every object has": [z.record(z.enum(["a", "constructor"]), z.string()), ".<key>", /'constructor'/],
  "a field that every object has": [z.object({ toString: z.string() }), ".toString", /name it otherwise/],
  "a default that does not fit": [z.string().default(5 as unknown as string), "", /its default does not fit/],
  "a default that JSON cannot carry": [z.json().default(NaN), "", /default does not fit/],
  "a default that is another each time": [z.number().default(() => Math.random()), "", /each time/],
  "a prefault that does not fit": [z.string().prefault(5 as unknown as string), "", /its default does not fit/],
  "codecs that look alike": [z.union([z.string(), isoDate]), "", /alternatives 0 and 1 look alike/],
  "objects with codecs that look alike": [
    z.union([z.object({ at: z.string() }), z.null(), z.object({ at: isoDate })]),
    "",
    /alternatives 0 and 2 look alike.*discriminatedUnion/,
  ],
};

Deno.test("defineEvent() refuses what JSON cannot carry there and back, and says where and why", async (t) => {
  for (const [what, [type, path, reason]] of Object.entries(refused)) {
    await t.step(what, () => {
      const error = assertThrows(() => defineEvent("WireTestRefused", { field: type as z.ZodType }), TypeError);
      assertMatch(error.message, reason);
      const whole = path.endsWith("…") ? path.slice(0, -1) : `${path} in an event: `;
      assert(error.message.startsWith(`Cannot use the type of WireTestRefused.field${whole}`), error.message);
    });
  }
  assert(!definedEvents().some(({ name }) => name === "WireTestRefused"));
  assertThrows(() => defineEvent("WireTestRefused", { ["__proto__"]: z.string() }), TypeError, "'__proto__'");
  assertThrows(() => notSet(z.string().optional()), TypeError, "may be absent");
  assertThrows(() => notSet(z.string().default("x")), TypeError, "may be absent");
});

interface Category {
  readonly name: string;
  readonly parent: Category | null;
}
const category: z.ZodType<Category> = z.object({
  name: z.string(),
  get parent() {
    return z.nullable(category);
  },
});
const person = z.object({
  name: z.string(),
  get friends() {
    return z.array(person);
  },
  get pet() {
    return z.optional(animal);
  },
});
const animal = z.object({
  kind: z.literal(["cat", "dog"]),
  get owner() {
    return z.nullable(person);
  },
  born: isoDate,
});

/** What is taken: the field's type, a value on the wire, and one that does not fit with the path of its fault. */
const taken: Record<string, readonly [type: unknown, wire: unknown, wrong: unknown, path: string]> = {
  text: [z.string().min(2).max(3), "abc", "abcd", ""],
  "text by a pattern": [z.string().regex(/^a+$/), "aa", "b", ""],
  "text by a format": [z.email(), "a@example.com", "a@", ""],
  "a template": [z.templateLiteral(["w-", z.int()]), "w-12", "w-x", ""],
  numbers: [z.number().gt(0).lte(9).multipleOf(3), 9, 10, ""],
  "whole numbers": [z.int32(), -2_147_483_648, 2_147_483_648, ""],
  booleans: [z.boolean(), false, "false", ""],
  null: [z.null(), null, 0, ""],
  nullable: [z.nullable(z.string()), null, 1, ""],
  literals: [z.literal(["a", 1, true, null]), null, "b", ""],
  enums: [z.enum(["a", "b"]), "b", "c", ""],
  "enums of TypeScript": [z.enum({ Low: 1, High: 2 }), 2, "High", ""],
  arrays: [z.array(z.int()).min(1).max(2), [1, 2], [1, "2"], "[1]"],
  tuples: [z.tuple([z.string(), z.int()], z.null()), ["a", 1, null, null], ["a", 1, 2], "[2]"],
  objects: [
    z.object({ a: z.object({ b: z.string() }) }),
    { a: { b: "x", more: [1] }, more: {} },
    { a: { b: 1 } },
    ".a.b",
  ],
  "objects with other fields of a type": [z.object({ a: z.string() }).catchall(z.int()), { a: "x", b: 2 }, {
    a: "x",
    b: "y",
  }, ".b"],
  records: [z.record(z.string().min(2), z.int()), { ab: 1, constructor: 2 }, { a: 1 }, ".a"],
  "records of known keys": [z.record(z.enum(["a", "b"]), z.int()), { a: 1, b: 2 }, { a: 1 }, ".b"],
  "records of some known keys": [z.partialRecord(z.enum(["a", "b"]), z.int()), { a: 1 }, { a: "1" }, ".a"],
  unions: [z.union([z.int(), z.array(z.string()), z.object({ a: z.null() })]), { a: null, more: [null] }, { a: 1 }, ""],
  "exclusive unions": [z.xor([z.int(), z.string()]), "x", null, ""],
  "discriminated unions": [
    z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("circle"), radius: z.number() }),
      z.object({ kind: z.literal("box"), sides: z.tuple([z.number(), z.number()]) }),
    ]),
    { kind: "box", sides: [1, 2], colour: { name: "red" } },
    { kind: "blob" },
    ".kind",
  ],
  "recursion by z.lazy()": [
    z.array(z.lazy(() => category)),
    [{ name: "a", parent: { name: "b", parent: null, more: 1 } }],
    [{ name: "a", parent: { name: "b", parent: 1 } }],
    "[0].parent.parent",
  ],
  "recursion by a getter, through two types": [
    person,
    {
      name: "a",
      friends: [{
        name: "b",
        friends: [],
        pet: { kind: "cat", owner: null, born: "2026-01-31T00:00:00.000Z", more: 1 },
      }],
    },
    { name: "a", friends: [{ name: "b", friends: [], pet: { kind: "cat", owner: null, born: 5 } }] },
    ".friends[0].pet.born",
  ],
  "any JSON": [z.json(), { a: [1, { b: [null, "x"] }], "": false }, undefined, ""],
  "two types in a row": [z.pipe(z.string(), z.email()), "a@example.com", "a", ""],
  "two looks at one thing that differ by type": [
    z.union([isoDate, z.int(), z.null()]),
    "2026-01-31T00:00:00.000Z",
    true,
    "",
  ],
};

Deno.test("defineEvent() takes what JSON carries: it keeps unknown fields at every depth, and names what does not fit", async (t) => {
  for (const [i, [what, [type, wire, wrong, path]]] of Object.entries(taken).entries()) {
    await t.step(what, () => {
      const definition = defineEvent(`WireTestTaken${i}`, { field: type as z.ZodType });
      const event = definition.decode({ field: wire });
      assertEquals(JSON.parse(definition.encode(event)), { field: wire });
      assertEquals(definition.create(event.payload), event);
      assertEquals(definition.encode(definition.create(event.payload)), definition.encode(event));
      const error = assertThrows(() => definition.decode({ field: wrong }), InvalidEventError);
      assert(error.message.includes(`payload.field${path}: `), error.message);
    });
  }
});

Deno.test("defineEvent() tells of an alternative that it does not know", () => {
  const Drawn = defineEvent("WireTestDrawn", {
    shape: z.discriminatedUnion("kind", [
      z.object({ kind: z.literal("circle") }),
      z.object({ kind: z.literal("box") }),
    ]),
    size: z.union([z.int(), z.object({ width: z.int() })]),
  });
  const error = assertThrows(() => Drawn.decode({ shape: { kind: "blob" }, size: { width: "1" } }), InvalidEventError);
  assertEquals(
    error.message,
    `Cannot accept the payload of 'WireTestDrawn': payload.shape.kind: it is none of the known alternatives: "circle", "box"; ` +
      "payload.size: it fits none of the alternatives: (1) Invalid input: expected number, received object " +
      "(2) width: Invalid input: expected number, received string",
  );
});

Deno.test("defineEvent() fills in defaults where the wire has nothing, and leaves the author's own value alone", () => {
  const own = { tags: ["x"] };
  const Tagged = defineEvent("WireTestTagged", {
    meta: z.object({ tags: z.array(z.string()) }).default(own),
    at: z.int().default(0),
  });
  const { payload } = Tagged.decode({});
  assertEquals(payload, { meta: { tags: ["x"] }, at: 0 });
  assert(Object.isFrozen(payload.meta.tags) && !Object.isFrozen(own.tags));
  assertEquals(Tagged.encode(Tagged.decode({})), '{"at":0,"meta":{"tags":["x"]}}');
});

Deno.test("defineEvent() keeps what the author says of a type", () => {
  const Described = defineEvent("WireTestDescribed", {
    size: z.object({ width: z.int().describe("In mm") }).meta({ title: "Size" }),
  });
  const size = (Described.schema as unknown as z.ZodObject<{ size: z.ZodObject<{ width: z.ZodInt }> }>).shape.size;
  assertEquals([size.meta()?.title, size.shape.width.description], ["Size", "In mm"]);
});

Deno.test("defineEvent() takes notSet() in nested objects, and in alternatives that a field tells apart", () => {
  const Moved = defineEvent("WireTestMoved", {
    how: z.discriminatedUnion("by", [
      z.object({ by: z.literal("foot"), shoes: notSet(z.string()) }),
      z.object({ by: z.literal("car"), at: isoDate }),
    ]),
  });
  const event = Moved.decode({ how: { by: "foot" } });
  assertEquals(event.payload.how, { by: "foot", shoes: NOT_SET });
  assertEquals(Moved.encode(event), '{"how":{"by":"foot"}}');
  assertEquals(Moved.encode(Moved.create(event.payload)), '{"how":{"by":"foot"}}');
});
