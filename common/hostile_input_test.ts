import { assert, assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { base64Bytes, bigintString, decimalString, isoDate, urlString } from "./codecs.ts";
import { defineEvent, type EventDefinition } from "./event.ts";
import { InvalidEventError } from "./invalid_event_error.ts";

interface Tree {
  readonly children: readonly Tree[];
}
const tree: z.ZodType<Tree> = z.object({
  get children() {
    return z.array(tree);
  },
});
const Hostile = defineEvent("HostileTestSent", {
  text: z.string(),
  number: z.number(),
  tree,
  any: z.json(),
  record: z.record(z.string(), z.json()),
  list: z.array(z.object({ id: z.string() })),
  numbers: z.record(z.string(), z.array(z.int())),
  kind: z.optional(z.discriminatedUnion("kind", [z.object({ kind: z.literal("a"), id: z.string() })])),
  either: z.optional(z.union([z.object({ a: z.string() }), z.object({ b: z.string() })])),
  bytes: z.optional(base64Bytes),
});
type Payload = Parameters<typeof Hostile.create>[0];
const good = { text: "", number: 0, tree: { children: [] }, any: null, record: {}, list: [], numbers: {} };
const json = JSON.stringify(good);

/** The event of a JSON text in which a field's value is replaced. */
function withField(field: string, text: string): string {
  return json.replace(
    new RegExp(`("${field}":)(""|0|null|\\{\\}|\\[\\]|\\{"children":\\[\\]\\})`),
    (_, key) => `${key}${text}`,
  );
}

function nested(depth: number, open: string, close: string): string {
  return open.repeat(depth) + close.repeat(depth);
}

function refused(text: string, message: string): void {
  const error = assertThrows(() => Hostile.decode(JSON.parse(text)), InvalidEventError, message);
  assert(error.message.length < 5_000, `${error.message.length}`);
}

Deno.test("EventDefinition.decode() refuses 100,000 levels, wherever they are", () => {
  const levels = 100_000;
  const arrays = nested(levels, "[", "]");
  const objects = `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  const trees = `${'{"children":['.repeat(levels)}${"]}".repeat(levels)}`;
  for (const [field, text] of [["tree", trees], ["any", arrays], ["any", objects], ["record", objects]] as const) {
    refused(withField(field, text), `payload.${field}`);
  }
  for (const text of [arrays, objects]) {
    refused(json.replace("{", `{"unknown":${text},`), "nested deeper than 100 levels");
    refused(withField("list", `[{"id":"x","unknown":${text}}]`), "nested deeper than 100 levels");
    refused(text, "nested deeper than 100 levels");
  }
});

Deno.test("EventDefinition takes 100 levels, and no 101st, from the wire and from memory", () => {
  const payload = (levels: number): unknown => ({ ...good, any: JSON.parse(nested(levels - 1, "[", "]")) });
  assertEquals(JSON.parse(Hostile.encode(Hostile.decode(payload(100)))), payload(100));
  assertThrows(() => Hostile.decode(payload(101)), InvalidEventError, "nested deeper than 100 levels");
  assertThrows(() => Hostile.create(payload(101) as Payload), InvalidEventError, "nested deeper than 100 levels");
  const hand = { type: "HostileTestSent" as const, payload: payload(101) as Payload };
  assertThrows(() => Hostile.encode(hand), InvalidEventError, "nested deeper than 100 levels");
});

Deno.test("EventDefinition.create() refuses a cycle", () => {
  const cyclic: { children: unknown[] } = { children: [] };
  cyclic.children.push(cyclic);
  assertThrows(() => Hostile.create({ ...good, tree: cyclic as Tree }), InvalidEventError, "payload.tree.children[0]");
  const unknown: Record<string, unknown> = {};
  unknown["self"] = unknown;
  assertThrows(() => Hostile.create({ ...good, unknown } as Payload), InvalidEventError, "payload.unknown.self");
});

Deno.test("EventDefinition refuses the key __proto__ everywhere, and keeps other keys that objects have", () => {
  const poison = '{"__proto__":{"polluted":true}}';
  for (const field of ["any", "record", "tree"]) {
    refused(withField(field, poison), `payload.${field}.__proto__: no field`);
  }
  refused(withField("list", `[{"id":"x","__proto__":1}]`), "payload.list[0].__proto__");
  refused(json.replace("{", '{"__proto__":{"polluted":true},'), "payload.__proto__");
  refused(json.replace("{", `{"unknown":[${poison}],`), "payload.unknown[0].__proto__");
  const own = JSON.parse(json.replace("{", '{"__proto__":1,'));
  assertThrows(() => Hostile.create(own), InvalidEventError, "payload.__proto__");
  const keys = ["constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "toJSON", "length", ""];
  const odd = Object.fromEntries(keys.map((key) => [key, { polluted: true }]));
  const wire = { ...good, ...odd, any: odd, record: odd, list: [{ id: "x", ...odd }] };
  const event = Hostile.decode(JSON.parse(JSON.stringify(wire)));
  assertEquals(JSON.parse(Hostile.encode(event)), JSON.parse(JSON.stringify(wire)));
  assertEquals((event.payload as unknown as typeof odd)["constructor"], { polluted: true });
  assertEquals("polluted" in {}, false);
});

Deno.test("EventDefinition refuses numbers that JSON.parse makes infinite, and keeps the nearest of the others", () => {
  refused(withField("number", "1e400"), "payload.number");
  refused(withField("any", "[-1e400]"), "payload.any");
  refused(json.replace("{", '{"unknown":{"a":[1e400]},'), "payload.unknown.a[0]: Infinity is not a JSON number");
  for (const text of ["12345678901234567890", "1e308", "5e-324", "0.1", "-0"]) {
    const event = Hostile.decode(JSON.parse(withField("number", text)));
    assertEquals(event.payload.number, Number(text) === 0 ? 0 : Number(text));
    assertEquals(Hostile.decode(JSON.parse(Hostile.encode(event))), event);
  }
});

Deno.test("EventDefinition carries NUL, lone surrogates and other odd text unchanged, in values and in keys", () => {
  for (
    const text of [
      "\0",
      "a\0b",
      "\ud800",
      "\udfff\ud800",
      "\u2028\u2029",
      "\u007f\u0080",
      '"\\\b\f\n\r\t',
      "😀",
      "\ufeff",
      "é",
      "e\u0301",
    ]
  ) {
    const wire = { ...good, text, any: { [text]: text }, record: { [text]: [text] }, [text]: text };
    const encoded = Hostile.encode(Hostile.create(wire as unknown as Payload));
    assertEquals(JSON.parse(encoded), wire);
    assertEquals(Hostile.encode(Hostile.decode(JSON.parse(encoded))), encoded);
    // Every byte of it survives UTF-8, which lone surrogates would not.
    assertEquals(new TextDecoder().decode(new TextEncoder().encode(encoded)), encoded);
  }
});

Deno.test("EventDefinition takes the last of duplicate keys, as JSON.parse does", () => {
  const event = Hostile.decode(JSON.parse(json.replace("{", '{"text":1,"text":{},"unknown":1,"unknown":2,')));
  assertEquals(JSON.parse(Hostile.encode(event)), { ...good, unknown: 2 });
});

Deno.test("EventDefinition carries texts of a megabyte, and tells of a megabyte that is wrong", () => {
  const long = "x".repeat(2 ** 20);
  const event = Hostile.create({ ...good, text: long, any: long, record: { [long]: long } });
  assertEquals(Hostile.decode(JSON.parse(Hostile.encode(event))), event);
  refused(withField("text", JSON.stringify([long])), "payload.text");
  refused(withField("kind", "1").replace("{", `{"kind":{"kind":"${long}"},`), "none of the known alternatives");
  refused(withField("tree", `{"${long}":1}`), "payload.tree.children");
  const bytes = new Uint8Array(2 ** 20).fill(255);
  assertEquals(Hostile.decode(JSON.parse(Hostile.encode(Hostile.create({ ...good, bytes })))).payload.bytes, bytes);
});

Deno.test("EventDefinition names some of a hundred thousand faults", () => {
  refused(withField("list", `[${"1,".repeat(20_000)}1]`), "payload.list[9]: ");
  refused(
    withField("record", `{${Array.from({ length: 5_000 }, (_, i) => `"k${i}":1e999`).join()}}`),
    "payload.record.k9: ",
  );
  refused(withField("numbers", `{"a":[${'"",'.repeat(200_000)}1]}`), "it has too many faults to be named");
  const few = assertThrows(() => Hostile.decode({ ...good, list: Array(1_000).fill(1) }), InvalidEventError);
  assert(few.message.includes("payload.list[9]: ") && few.message.endsWith("; and 990 more faults"), few.message);
});

/** Texts that a badly written pattern would take minutes or its whole stack for. */
const LONG = [
  "a".repeat(2 ** 20),
  "1".repeat(2 ** 20),
  `${"a.".repeat(2 ** 19)}@`,
  `${"0:".repeat(2 ** 19)}!`,
  "=".repeat(2 ** 20),
  `http://${"a.".repeat(2 ** 19)}`,
];

Deno.test("every format of text answers to a megabyte at once", () => {
  const formatsOfZod = z as unknown as Record<string, () => z.ZodType>;
  const formats: Record<string, unknown> = { isoDate, bigintString, base64Bytes, urlString, decimalString };
  for (
    const name of [
      "email",
      "url",
      "uuid",
      "guid",
      "base64",
      "base64url",
      "ipv4",
      "ipv6",
      "cidrv4",
      "cidrv6",
      "jwt",
      "emoji",
      "nanoid",
      "cuid",
      "cuid2",
      "ulid",
      "xid",
      "ksuid",
      "e164",
      "hostname",
      "mac",
    ] as const
  ) {
    formats[name] = formatsOfZod[name]!();
  }
  for (const name of ["date", "time", "datetime", "duration"] as const) formats[name] = z.iso[name]();
  const slow: string[] = [];
  for (const [name, type] of Object.entries(formats)) {
    const definition: EventDefinition<string, unknown> = defineEvent(`HostileTest${name}`.replace("_", ""), {
      field: type as z.ZodType,
    });
    for (const [i, field] of LONG.entries()) {
      const start = performance.now();
      try {
        definition.decode({ field });
      } catch (error) {
        assert(error instanceof InvalidEventError, `${name}: ${error}`);
        assert(error.message.length < 1_000, name);
      }
      if (performance.now() - start > 2_000) slow.push(`${name} ${i}`);
    }
  }
  assertEquals(slow, []);
});

Deno.test("what a codec or a check of the author's own throws becomes an InvalidEventError", () => {
  const Broken = defineEvent("HostileTestBroken", {
    field: z.codec(z.string(), z.string(), {
      decode: () => {
        throw new Error("no way in");
      },
      encode: () => {
        throw new Error("no way out");
      },
    }),
  });
  assertThrows(
    () => Broken.decode({ field: "x" }),
    InvalidEventError,
    "'HostileTestBroken': a codec or check of it failed: no way in",
  );
  assertThrows(() => Broken.create({ field: "x" }), InvalidEventError, "no way out");
  const deep = z.codec(z.json(), z.int(), { decode: Number, encode: (levels) => JSON.parse(nested(levels, "[", "]")) });
  const Deep = defineEvent("HostileTestDeep", { field: deep });
  assertEquals(Deep.encode(Deep.create({ field: 3 })), '{"field":[[[]]]}');
  assertThrows(() => Deep.create({ field: 100 }), InvalidEventError, "nested deeper than 100 levels");
});
