import { assert, assertEquals, assertThrows } from "@std/assert";
import { z } from "zod";
import { base64Bytes, isoDate, urlString } from "./codecs.ts";
import { defineEvent } from "./event.ts";

const Kept = defineEvent("ReadOnlyTestKept", {
  at: isoDate,
  page: urlString,
  bytes: base64Bytes,
  inner: z.object({ tags: z.array(z.string()) }).readonly(),
});
const wire = {
  at: "2026-01-31T12:00:00.000Z",
  page: "https://example.com/a?b=1",
  bytes: "AQI=",
  inner: { tags: ["x"], later: { deep: [{}] } },
  later: { deep: [{}] },
};

Deno.test("an event's Dates and URLs cannot be changed, and are else as any other", () => {
  const { at, page } = Kept.decode(wire).payload;
  for (const name of Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith("set"))) {
    assertThrows(() => (at as unknown as Record<string, (value: number) => void>)[name]!(1), TypeError, "read-only");
  }
  for (
    const name of ["href", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"]
  ) {
    assertThrows(() => Reflect.set(page, name, "x") || assert(false, name), TypeError, "read-only");
  }
  page.searchParams.set("b", "2");
  assertEquals([at, page], [new Date(wire.at), new URL(wire.page)]);
  assertEquals([at.getFullYear(), at.constructor, page.searchParams.get("b")], [2026, Date, "1"]);
  assertEquals([structuredClone(at), new Date(at), new URL(page)], [
    new Date(wire.at),
    new Date(wire.at),
    new URL(wire.page),
  ]);
  assertEquals(JSON.stringify([at, page]), JSON.stringify([wire.at, wire.page]));
});

Deno.test("an event is frozen at every depth, in what it knows and in what it does not, and the JSON it came from is not", () => {
  const json = structuredClone(wire);
  const { payload } = Kept.decode(json);
  const frozen: unknown[] = [payload, payload.inner, payload.inner.tags, payload.at, payload.page];
  for (const holder of [payload, payload.inner] as unknown as (typeof wire)[]) {
    frozen.push(holder.later, holder.later.deep, holder.later.deep[0]);
  }
  assertEquals(frozen.map(Object.isFrozen), frozen.map(() => true));
  const own = [json, json.later, json.later.deep, json.later.deep[0], json.inner, json.inner.later, json.inner.tags];
  assertEquals(own.map(Object.isFrozen), own.map(() => false));
});

Deno.test("an event's bytes are a copy of its own, and writing to them does not change what was created", () => {
  const bytes = new Uint8Array([1, 2]);
  const event = Kept.create({ ...Kept.decode(wire).payload, bytes });
  const before = Kept.encode(event);
  bytes.fill(9);
  assertEquals([...event.payload.bytes], [1, 2]);
  event.payload.bytes.fill(9);
  assertEquals(Kept.encode(event), before);
});
