import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  type Entry,
  fromJsonLine,
  fromStreamFields,
  STREAM_FIELD_COUNT,
  toJsonLine,
  toStreamFields,
} from "./envelope.ts";

const entry: Entry = {
  entryId: "1767225600000-1",
  eventId: "019a2f6e-0000-7000-8000-000000000000",
  stream: "stream:widgets:events",
  eventType: "WidgetCreated",
  time: "2026-01-01T00:00:00.000Z",
  metadata: "{}",
  payload: '{"widget_id":"w"}',
};

Deno.test("fromStreamFields() reads what toStreamFields() wrote, and passes over other fields", () => {
  const fields = toStreamFields(entry);
  assertEquals(fields.length, STREAM_FIELD_COUNT);
  assertEquals(fromStreamFields(entry.stream, entry.entryId, [...fields, "later", "added"]), entry);
});

Deno.test("fromStreamFields() refuses an entry that no publisher wrote", () => {
  const read = () => fromStreamFields(entry.stream, "1-1", ["hello", "world"]);
  assertThrows(read, TypeError, "entry 1-1 of stream:widgets:events: it has no field 'event_id'");
});

Deno.test("toJsonLine() keeps a pretty-printed payload on one line", () => {
  const value = { text: "a\nb\r\n", list: [1, { deep: true }] };
  const line = toJsonLine({
    ...entry,
    metadata: JSON.stringify({ m: "x" }, null, 2).replaceAll("\n", "\r\n"),
    payload: JSON.stringify(value, null, 2),
  });
  assert(!/[\r\n]/.test(line));
  assertEquals(JSON.parse(line).payload, value);
  assertEquals(JSON.parse(fromJsonLine(line).payload), value);
});

Deno.test("toJsonLine() and fromJsonLine() keep the digits of big numbers", () => {
  const big = { ...entry, payload: '{"id":12345678901234567890,"rate":1.10}' };
  assert(toJsonLine(big).includes(big.payload));
  assertEquals(fromJsonLine(toJsonLine(big)), big);
});

Deno.test("fromJsonLine() cuts metadata and payload right, whatever they hold", () => {
  const tricky = {
    ...entry,
    metadata: '{"a":"}],\\"payload\\":","b":"\\\\"}',
    payload: '{"x":",\\"metadata\\":{","payload":[1,{"payload":2}]}',
  };
  assertEquals(fromJsonLine(toJsonLine(tricky)), tricky);
});

Deno.test("fromJsonLine() refuses other lines", () => {
  assertThrows(() => fromJsonLine("{"), SyntaxError);
  assertThrows(() => fromJsonLine("null"), TypeError, "no text 'entry_id'");
  assertThrows(() => fromJsonLine('{"entry_id":1}'), TypeError, "no text 'entry_id'");
  const { entryId: entry_id, eventId: event_id, stream, eventType: event_type, time } = entry;
  const tailless = JSON.stringify({ entry_id, event_id, stream, event_type, time });
  assertThrows(() => fromJsonLine(tailless), TypeError, "no 'metadata'");
  const swapped = `${tailless.slice(0, -1)},"payload":{},"metadata":{}}`;
  assertThrows(() => fromJsonLine(swapped), TypeError, "no 'payload' after 'metadata'");
  const foreign = `${tailless.slice(0, -1)},"metadata":{},"more":1,"payload":{}}`;
  assertThrows(() => fromJsonLine(foreign), TypeError, "no 'payload' after 'metadata'");
});
