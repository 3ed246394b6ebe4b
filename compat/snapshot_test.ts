import { defineEvent, isoDate, notSet } from "@events-pipeline/common";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { diffSnapshots } from "./diff.ts";
import type { TypeForm } from "./normal_form.ts";
import { readSchema } from "./read_schema.ts";
import { snapshotOf } from "./snapshot.ts";

type Category = { readonly name: string; readonly inside: readonly Category[] };
const Category: z.ZodType<Category> = z.lazy(() => z.object({ name: z.string(), inside: z.array(Category) }));

const StockCounted = defineEvent("StockCounted", {
  id: z.uuid(),
  at: isoDate,
  count: z.int().min(0),
  category: Category,
  note: notSet(z.string().nullable()),
  extra: z.json(),
}, { aliases: ["StockTaken"] });

Deno.test("snapshotOf finds events and stream names on their own, in objects and in namespaces, each once", () => {
  const snapshot = snapshotOf([
    { StockCounted, again: StockCounted, ORDERS: "stream:orders:events", TEXT: "no stream", version: 1 },
    { all: { StockCounted, streams: Object.freeze({ A: "stream:a:events", ORDERS: "stream:orders:events" }) } },
  ]);
  assertEquals(Object.keys(snapshot.events), ["StockCounted"]);
  assertEquals(snapshot.streams, { ORDERS: "stream:orders:events", "all.streams.A": "stream:a:events" });
  assertEquals(snapshot.events["StockCounted"]!.aliases, ["StockTaken"]);
  const other = { ...StockCounted, schema: z.object({}) };
  assertThrows(() => snapshotOf([{ StockCounted, other }]), TypeError, "'StockCounted' down: two that differ");
});

Deno.test("a snapshot of real events is JSON, has what is on the wire, and differs in nothing from itself", () => {
  const snapshot = snapshotOf([{ StockCounted }]);
  const again = JSON.parse(JSON.stringify(snapshot));
  assertEquals(again, snapshot);
  assertEquals(diffSnapshots(again, snapshot), []);
  const { payload, definitions } = snapshot.events["StockCounted"]!;
  assert(payload.kind === "object" && payload.unknown === "kept");
  assertEquals(Object.entries(payload.fields).map(([name, { presence }]) => [name, presence]), [
    ["id", "required"],
    ["at", "required"],
    ["count", "required"],
    ["category", "required"],
    ["note", "notSet"],
    ["extra", "required"],
  ]);
  const kinds = Object.values(payload.fields).map(({ type }) => type.kind);
  assertEquals(kinds.slice(0, 3), ["string", "codec", "number"]);
  assertEquals((payload.fields["category"]!.type as { kind: string }).kind, "ref");
  assertEquals(Object.keys(definitions).length, 2);
});

Deno.test("what is written otherwise and is the same on the wire has the same form", () => {
  const same: readonly (readonly [z.ZodType, z.ZodType])[] = [
    [z.string().nullable(), z.union([z.string(), z.null()])],
    [z.union([z.string(), z.union([z.int(), z.boolean()])]), z.union([z.string(), z.int(), z.boolean()])],
    [z.enum(["a", "b"]), z.union([z.literal("a"), z.literal("b")])],
    [z.number().int().positive(), z.int().min(1)],
    [z.string().length(3), z.string().min(3).max(3)],
    [z.string().min(1).min(2), z.string().min(2)],
    [z.string().readonly().describe("a text"), z.string()],
    [z.lazy(() => z.string()), z.string()],
    [z.record(z.enum(["a", "b"]), z.int()), z.strictObject({ a: z.int(), b: z.int() })],
    [z.number().min(0).max(9).lt(7), z.number().gte(0).lt(7)],
  ];
  for (const [a, b] of same) assertEquals(readSchema(a), readSchema(b));
});

Deno.test("readSchema refuses what has no end, and what is no schema", () => {
  const endless = (): z.ZodType => z.object({ next: z.lazy(endless) });
  assertThrows(() => readSchema(endless()), TypeError, "nested deeper than 200 levels, and may have no end");
  assertThrows(() => readSchema({ parse() {} }), TypeError, "it is not one of zod 4");
});

Deno.test("a codec's samples say what it makes of them, however it is written", () => {
  const samples = (type: z.ZodType): readonly (readonly [string, string])[] => {
    const form: TypeForm = readSchema(type).payload;
    assert(form.kind === "codec");
    return form.samples;
  };
  const dates = samples(isoDate as unknown as z.ZodType);
  assertEquals(
    dates.find(([text]) => text === '"2024-02-29T12:30:45.678+02:00"')?.[1],
    "Date 2024-02-29T10:30:45.678Z",
  );
  const number = z.string().regex(/^[0-9]+$/);
  const one = z.codec(number, z.bigint(), { decode: (text) => BigInt(text), encode: (value) => `${value}` });
  const other = z.codec(number, z.bigint(), { decode: (text) => 0n + BigInt(text), encode: (value) => String(value) });
  assertEquals(samples(one), samples(other));
  assertEquals(samples(one).find(([text]) => text === '"007"'), ['"007"', "bigint 7"]);
});
