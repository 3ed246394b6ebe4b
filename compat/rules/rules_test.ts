import { notSet as notSetField } from "@events-pipeline/common";
import { assert, assertEquals } from "@std/assert";
import { z } from "zod";
import type { CompatFile, Waiver } from "../compat_file.ts";
import type { Mode } from "../modes.ts";
import type { Snapshot } from "../normal_form.ts";
import { check, eventWith, inShort, snapshotWith } from "../testdata/snapshots.ts";
import { RULES } from "./rules.ts";

// `notSet` speaks of zod through a small interface; here whole zod types are needed.
const notSet = (type: z.ZodType): z.ZodType => notSetField(type) as unknown as z.ZodType;

/** The least change that a rule is about: before, after, in which mode, and what is found where. */
interface Pair {
  readonly old: Snapshot;
  readonly now: Snapshot;
  readonly mode?: Mode;
  readonly path?: string;
  readonly file?: Partial<CompatFile>;
}

const field = (old: z.ZodType, now: z.ZodType, mode: Mode = "backward", path = "f"): Pair => ({
  ...{ old: snapshotWith({ f: old }), now: snapshotWith({ f: now }), mode, path },
});
const shape = (old: z.ZodRawShape, now: z.ZodRawShape, mode: Mode = "backward", path = "f"): Pair => ({
  ...{ old: snapshotWith(old), now: snapshotWith(now), mode, path },
});
const streams = (old: Record<string, string>, now: Record<string, string>): Pair => ({
  ...{ old: snapshotWith({}, { streams: old }), now: snapshotWith({}, { streams: now }), path: "" },
});
const events = (old: Snapshot["events"], now: Snapshot["events"], mode: Mode = "additive"): Pair => ({
  ...{ old: snapshotWith({}, { events: old }), now: snapshotWith({}, { events: now }), path: "", mode },
});

const seconds = z.codec(z.number(), z.date(), { decode: (s) => new Date(s * 1000), encode: (d) => d.getTime() / 1000 });
const plainMillis = { decode: (ms: number) => new Date(ms), encode: (date: Date) => date.getTime() };
const isoDate = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});
const upper = z.codec(z.iso.datetime(), z.string(), { decode: (text) => text.slice(0, 10), encode: (text) => text });
const millis = z.codec(z.number(), z.date(), { decode: (ms) => new Date(ms), encode: (d) => d.getTime() });
const waiver: Waiver = { rule: "field-removed", event: "E", path: "f", reason: "Nobody reads it", date: "2026-01-01" };
const [same, other] = [snapshotWith({ f: z.string() }), snapshotWith({})];

const PAIRS: Readonly<Record<string, Pair>> = {
  "event-removed": events({ E: eventWith({ f: z.string() }) }, {}),
  "event-renamed": events({ E: eventWith({ f: z.string() }) }, { F: eventWith({ f: z.string() }) }),
  "alias-removed": events({ E: eventWith({}, ["D"]) }, { E: eventWith({}) }),
  "stream-removed": streams({ A: "stream:a:events", B: "stream:b:events" }, { B: "stream:b:events" }),
  "stream-renamed": streams({ A: "stream:a:events" }, { A: "stream:b:events" }),
  "required-field-added": shape({}, { f: z.string() }),
  "field-removed": shape({ f: z.string().optional() }, {}, "additive"),
  "field-made-required": field(z.string().optional(), z.string()),
  "field-made-optional": field(z.string(), z.string().optional(), "forward"),
  "optional-without-not-set": shape({}, { f: z.string().optional() }, "additive"),
  "not-set-dropped": field(notSet(z.string()), z.string().optional(), "additive"),
  "object-closed": field(z.looseObject({ a: z.string() }), z.strictObject({ a: z.string() })),
  "object-extended": field(z.strictObject({}), z.strictObject({ a: z.string().optional() }), "forward", "f.a"),
  "type-changed": field(z.string(), z.number()),
  "literal-changed": field(z.literal("a"), z.literal("b")),
  "unknown-type-changed": field(z.custom((value) => value === 1), z.custom((value) => value === 2)),
  "nullable-dropped": field(z.string().nullable(), z.string()),
  "nullable-added": field(z.string(), z.string().nullable(), "forward"),
  "enum-member-removed": field(z.enum(["a", "b"]), z.enum(["a"])),
  "enum-member-added": field(z.enum(["a"]), z.enum(["a", "b"]), "forward"),
  "union-branch-removed": field(z.union([z.string(), z.number()]), z.string()),
  "union-branch-added": field(z.string(), z.union([z.string(), z.number()]), "forward"),
  "bound-tightened": field(z.number().max(10), z.number().max(9)),
  "bound-loosened": field(z.number().min(1), z.number().min(0), "forward"),
  "length-tightened": field(z.string(), z.string().min(1)),
  "length-loosened": field(z.array(z.string()).max(2), z.array(z.string()), "forward"),
  "pattern-tightened": field(z.string(), z.string().regex(/^a/)),
  "pattern-loosened": field(z.string().regex(/^a/), z.string(), "forward"),
  "format-tightened": field(z.string(), z.uuid()),
  "format-loosened": field(z.email(), z.string(), "forward"),
  "multiple-of-tightened": field(z.number().multipleOf(2), z.number().multipleOf(4)),
  "multiple-of-loosened": field(z.number().multipleOf(2), z.number(), "forward"),
  "refinement-tightened": field(z.string(), z.string().refine((text) => text !== "x")),
  "refinement-loosened": field(z.string().refine((text) => text !== "x"), z.string(), "forward"),
  "number-to-integer": field(z.number(), z.int()),
  "integer-to-number": field(z.int(), z.number(), "forward"),
  "array-to-tuple": field(z.array(z.string()), z.tuple([z.string()])),
  "tuple-to-array": field(z.tuple([z.string()]), z.array(z.string()), "forward"),
  "tuple-length-tightened": field(z.tuple([z.string()]), z.tuple([z.string(), z.string()])),
  "tuple-length-loosened": field(z.tuple([z.string()]), z.tuple([z.string()], z.string()), "forward"),
  "record-key-narrowed": field(
    z.record(z.string(), z.int()),
    z.record(z.string().max(3), z.int()),
    "backward",
    "f<key>",
  ),
  "record-key-widened": field(z.record(z.string().max(3), z.int()), z.record(z.string(), z.int()), "forward", "f<key>"),
  "codec-changed": field(seconds, millis),
  "codec-added": field(z.number(), millis),
  "codec-removed": field(millis, z.number(), "forward"),
  "union-meaning-changed": field(z.union([z.string(), seconds]), z.union([z.string(), millis, seconds])),
  "waiver-unused": { old: same, now: same, file: { waivers: [waiver] } },
  "waiver-expired": { old: same, now: other, file: { waivers: [{ ...waiver, until: "2026-06-14" }] } },
  "override-unused": { old: same, now: same, path: "", file: { events: { Nobody: { mode: "none" } } } },
};

Deno.test("every rule has a minimal pair", () => {
  assertEquals(Object.keys(PAIRS), RULES.map(({ id }) => id));
  assertEquals(new Set(RULES.map(({ id }) => id)).size, RULES.length);
});

for (const [rule, { old, now, mode = "additive", path = "f", file = {} }] of Object.entries(PAIRS)) {
  Deno.test(`${rule}: its minimal pair is rejected in the mode ${mode}, with a reason`, () => {
    const findings = check(old, now, mode, file);
    const found = findings.find((finding) => finding.rule.id === rule);
    assert(found !== undefined, `found ${findings.map(inShort).join(", ") || "nothing"}`);
    assertEquals(inShort(found), `breaking ${rule} ${path}`.trim());
    assert(found.why.length > 0);
    // Nothing else is wrong with the pair, but for what an expired waiver was to waive.
    const others = findings.filter((finding) => finding !== found && finding.severity === "breaking").map(inShort);
    assertEquals(others, rule === "waiver-expired" ? ["breaking field-removed f"] : []);
  });
}

Deno.test("narrower in other ways than the minimal pairs", () => {
  const narrower: readonly (readonly [rule: string, old: z.ZodType, now: z.ZodType])[] = [
    ["bound-tightened", z.number().min(1), z.number().gt(1)],
    ["bound-tightened", z.number().max(1), z.number().lt(1)],
    ["bound-tightened", z.number(), z.float32()],
    ["bound-tightened", z.int(), z.uint32()],
    ["length-tightened", z.string().max(9), z.string().max(8)],
    ["length-tightened", z.array(z.int()), z.array(z.int()).min(1)],
    ["pattern-tightened", z.string().regex(/a/), z.string().regex(/a/i)],
    ["pattern-tightened", z.string(), z.templateLiteral(["a-", z.int()])],
    ["format-tightened", z.iso.datetime({ offset: true }), z.iso.datetime()],
    ["format-tightened", z.iso.datetime(), z.iso.datetime({ precision: 3 })],
    ["format-tightened", z.uuid(), z.uuidv4()],
    ["format-tightened", z.url(), z.url({ protocol: /^https$/ })],
    ["format-tightened", z.string().startsWith("a"), z.string().startsWith("ab")],
    ["multiple-of-tightened", z.number().multipleOf(0.1), z.number().multipleOf(0.25)],
    ["type-changed", z.string(), z.enum(["a", "b"])],
    ["type-changed", z.string(), z.array(z.string())],
    ["type-changed", z.any(), z.string()],
    ["type-changed", z.string().nullable(), z.int().nullable()],
    ["type-changed", z.record(z.string(), z.int()), z.array(z.int())],
    ["type-changed", z.iso.datetime(), millis],
    ["enum-member-removed", z.boolean(), z.literal(true)],
    ["enum-member-removed", z.enum(["a", "bcd"]), z.string().max(2)],
    ["nullable-dropped", z.union([z.string(), z.int(), z.null()]), z.union([z.string(), z.int()])],
    ["object-closed", z.object({}), z.strictObject({})],
    ["object-closed", z.looseObject({}), z.object({}).catchall(z.int())],
    ["object-closed", z.object({ a: z.int() }), z.record(z.string(), z.int())],
    ["required-field-added", z.record(z.string(), z.int()), z.looseObject({ a: z.int() })],
    ["required-field-added", z.record(z.enum(["a"]), z.int()), z.record(z.enum(["a", "b"]), z.int())],
    ["field-made-required", z.string().default("a"), z.string()],
    ["field-made-required", notSet(z.string()), z.string()],
    ["record-key-narrowed", z.record(z.string(), z.int()), z.record(z.uuid(), z.int())],
    ["tuple-length-tightened", z.tuple([z.int()], z.int()), z.tuple([z.int()])],
    ["length-tightened", z.tuple([z.int()], z.int()), z.array(z.int()).max(3)],
    ["codec-changed", isoDate, upper],
    ["refinement-tightened", z.int().refine((n) => n !== 1), z.int().refine((n) => n !== 2)],
    ["bound-tightened", millis, z.codec(z.number(), z.date().min(new Date(0)), plainMillis)],
    ["union-meaning-changed", z.string(), z.xor([z.string(), z.string().min(3)])],
  ];
  for (const [rule, old, now] of narrower) {
    const breaking = check(snapshotWith({ f: old }), snapshotWith({ f: now }), "backward")
      .filter(({ severity }) => severity === "breaking").map((finding) => finding.rule.id);
    assertEquals(breaking, [rule]);
  }
});

type Tree = { readonly value: number; readonly children: readonly Tree[] };
const tree = (value: z.ZodType<number>): z.ZodType<Tree> => {
  const node: z.ZodType<Tree> = z.lazy(() => z.looseObject({ value, children: z.array(node) }));
  return node;
};

Deno.test("a change is found at any depth, through every kind of type, and through recursion", () => {
  const wraps: readonly (readonly [path: string, wrap: (type: z.ZodType) => z.ZodType])[] = [
    ["f.a", (type) => z.object({ a: type })],
    ["f.a", (type) => z.object({ a: type }).optional()],
    ["f.a.b", (type) => z.object({ a: z.object({ b: notSet(type) }) })],
    ["f[]", (type) => z.array(type)],
    ["f[]", (type) => z.array(type).nullable().default(null)],
    ["f[1]", (type) => z.tuple([z.string(), type])],
    ["f[…]", (type) => z.tuple([z.string()], type)],
    ["f.*", (type) => z.record(z.string(), type)],
    ["f.a", (type) => z.record(z.enum(["a"]), type)],
    ["f{x}.b", (type) => z.union([z.object({ a: z.literal("x"), b: type }), z.object({ a: z.literal("y") })])],
    [
      "f{x}.b",
      (type) => z.discriminatedUnion("a", [z.object({ a: z.literal("x"), b: type }), z.object({ a: z.literal("y") })]),
    ],
    ["f.*", (type) => z.object({ a: z.string() }).catchall(type)],
    ["f[].a[].b", (type) => z.array(z.object({ a: z.array(z.object({ b: type })) }))],
    ["f", (type) => z.lazy(() => type)],
    ["f", (type) => type.readonly()],
    ["f.a", (type) => z.intersection(z.object({ a: type }), z.object({ b: z.string() }))],
    ["f", (type) => z.codec(type, z.any(), { decode: (value) => value, encode: (value) => value })],
  ];
  for (const [path, wrap] of wraps) {
    const [old, now] = [snapshotWith({ f: wrap(z.number()) }), snapshotWith({ f: wrap(z.int()) })];
    assertEquals(check(old, now, "backward").map(inShort), [`breaking number-to-integer ${path}`], path);
    assertEquals(check(now, old, "forward").map(inShort), [`breaking integer-to-number ${path}`], path);
    assertEquals(check(old, old, "full").map(inShort), [], path);
  }
  const [old, now] = [snapshotWith({ f: tree(z.number()) }), snapshotWith({ f: tree(z.int()) })];
  assertEquals(check(old, now, "full").map(inShort), ["breaking number-to-integer f.value"]);
  // One level written out is the same type.
  const unrolled = snapshotWith({ f: z.looseObject({ value: z.number(), children: z.array(tree(z.number())) }) });
  assertEquals(check(old, unrolled, "full").map(inShort), []);
  assertEquals(check(unrolled, now, "backward").map(inShort).includes("breaking number-to-integer f.value"), true);
});

const described = z.string().describe("what it is").meta({ title: "F" });
const HARMLESS: Readonly<Record<string, readonly [old: z.ZodRawShape, now: z.ZodRawShape]>> = {
  "a description": [{ f: z.string() }, { f: described }],
  "the default of an optional field": [{ f: z.string().default("a") }, { f: z.string().default("b") }],
  "a default for an optional field": [{ f: z.string().optional() }, { f: z.string().default("b") }],
  "no default any more": [{ f: z.string().default("a") }, { f: z.string().optional() }],
  "the order of fields": [{ f: z.string(), g: z.int() }, { g: z.int(), f: z.string() }],
  "the order of enum members": [{ f: z.enum(["a", "b"]) }, { f: z.enum(["b", "a"]) }],
  "the order of plain union branches": [{ f: z.union([z.string(), z.int()]) }, { f: z.union([z.int(), z.string()]) }],
  "a field with notSet": [{}, { f: notSet(z.string()) }],
  "a nested field with notSet": [{ f: z.object({}) }, { f: z.object({ a: notSet(z.string()) }) }],
  "notSet in place of optional": [{ f: z.string().optional() }, { f: notSet(z.string()) }],
  "a looser bound": [{ f: z.int().min(1).max(9) }, { f: z.int().min(0).max(10) }],
  "a looser length": [{ f: z.string().min(2).max(5) }, { f: z.string().min(1).max(6) }],
  "a looser step": [{ f: z.int().multipleOf(6) }, { f: z.int().multipleOf(3) }],
  "a pattern less": [{ f: z.string().regex(/a/).regex(/b/) }, { f: z.string().regex(/b/) }],
  "a wider format": [{ f: z.uuidv7() }, { f: z.uuid() }],
  "a wider date": [{ f: z.iso.datetime() }, { f: z.iso.datetime({ offset: true }) }],
  "an enum for a literal": [{ f: z.literal("a") }, { f: z.enum(["a", "b"]) }],
  "text for an enum": [{ f: z.enum(["a", "b"]) }, { f: z.string().max(1) }],
  "literals for an enum": [{ f: z.enum(["a", "b"]) }, { f: z.literal(["b", "a"]) }],
  "true and false for a boolean": [{ f: z.boolean() }, { f: z.literal([true, false]) }],
  "a list for a tuple": [{ f: z.tuple([z.int(), z.int()]) }, { f: z.array(z.number()) }],
  "a place more, optional": [{ f: z.tuple([z.int()]) }, { f: z.tuple([z.int(), z.int().optional()]) }],
  "a record for an object": [{ f: z.strictObject({ a: z.int() }) }, { f: z.record(z.string(), z.int()) }],
  "an object that is opened": [{ f: z.strictObject({ a: z.int() }) }, { f: z.looseObject({ a: z.int() }) }],
  "null as well": [{ f: z.string() }, { f: z.string().nullable() }],
  "a branch more, at the end": [{ f: z.union([z.string(), seconds]) }, { f: z.union([z.string(), seconds, z.null()]) }],
  "a number for an integer": [{ f: z.int32() }, { f: z.number() }],
  "bounds said otherwise": [{ f: z.number().int().gt(0) }, { f: z.int().min(1) }],
  "an alias of a type": [{ f: z.string() }, { f: z.lazy(() => z.string()) }],
  "the message of a check": [{ f: z.string().min(1, "too short") }, {
    f: z.string().min(1, { error: "not so short" }),
  }],
  "a codec written otherwise": [
    { f: seconds },
    { f: z.codec(z.number(), z.date(), { decode: (s) => new Date(1000 * s), encode: (d) => +d / 1000 }) },
  ],
};

for (const [what, [old, now]] of Object.entries(HARMLESS)) {
  Deno.test(`harmless: ${what}`, () => {
    for (const mode of ["additive", "backward"] as const) {
      const breaking = check(snapshotWith(old), snapshotWith(now), mode).filter(({ severity }) =>
        severity === "breaking"
      );
      assertEquals(breaking.map(inShort), [], mode);
    }
  });
}

Deno.test("harmless: another name under which an event is exported, and a new name with the old one as an alias", () => {
  const old = snapshotWith({}, { events: { E: eventWith({ f: z.string() }) } });
  const now = snapshotWith({}, { events: { F: eventWith({ f: z.string(), g: notSet(z.int()) }, ["E"]) } });
  assertEquals(check(old, now).map(inShort), ["note event-renamed"]);
  assertEquals(check(old, now, "forward").map(inShort), ["breaking event-renamed"]);
  const worse = snapshotWith({}, { events: { F: eventWith({ f: z.int() }, ["E"]) } });
  assertEquals(check(old, worse).map(inShort), ["note event-renamed", "breaking type-changed f"]);
});

Deno.test("what consumers do not survive is explained in the default mode, and rejected by forward and full", () => {
  const [old, now] = [snapshotWith({ f: z.enum(["a"]) }), snapshotWith({ f: z.enum(["a", "b"]) })];
  const [note, ...rest] = check(old, now);
  assertEquals([inShort(note!), rest], ["note enum-member-added f", []]);
  assertEquals([note!.old, note!.new, note!.why], [
    '"a"',
    '"b"',
    ["Consumers that run the old schema reject events with the new value."],
  ]);
  for (const mode of ["forward", "full", "forward_transitive", "full_transitive"] as const) {
    assertEquals(check(old, now, mode).map(inShort), ["breaking enum-member-added f"]);
  }
  assertEquals(check(old, now, "none").map(inShort), []);
});

Deno.test("optional fields come and go in full mode, in open and closed objects (what users of JSON Schema registries miss)", () => {
  // confluentinc/schema-registry 1458: an optional property added to an open object was refused.
  const [open, more] = [z.looseObject({ a: z.string() }), z.looseObject({ a: z.string(), b: z.string().optional() })];
  assertEquals(check(snapshotWith({ f: open }), snapshotWith({ f: more }), "full").map(inShort), []);
  // 2927: so was one that was taken away.
  assertEquals(check(snapshotWith({ f: more }), snapshotWith({ f: open }), "full").map(inShort), []);
  // 1778: an optional property with a default, added to a closed object, must let old events in. Old readers do refuse it.
  const closed = z.strictObject({ NAME: z.string(), ID: z.string() });
  const later = z.strictObject({
    NAME: z.string(),
    ID: z.string(),
    NEW: z.string().nullable().default("a default value"),
  });
  assertEquals(check(snapshotWith({ f: closed }), snapshotWith({ f: later }), "backward").map(inShort), [
    "note object-extended f.NEW",
  ]);
  assertEquals(check(snapshotWith({ f: closed }), snapshotWith({ f: later }), "full").map(inShort), [
    "breaking object-extended f.NEW",
  ]);
  // A required one is another matter, in either direction.
  const required = z.looseObject({ a: z.string(), b: z.string() });
  assertEquals(check(snapshotWith({ f: open }), snapshotWith({ f: required }), "backward").map(inShort), [
    "breaking required-field-added f.b",
  ]);
  assertEquals(check(snapshotWith({ f: required }), snapshotWith({ f: open }), "forward").map(inShort), [
    "breaking field-removed f.b",
  ]);
  // A name that is given away cannot come back as another type, if its events are still there.
  const back = z.looseObject({ a: z.string(), b: z.int().optional() });
  assertEquals(check(snapshotWith({ f: more }), snapshotWith({ f: back }), "backward").map(inShort), [
    "breaking type-changed f.b",
  ]);
});
