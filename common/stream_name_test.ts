import { assertEquals, assertThrows } from "@std/assert";
import { defineStreamName, parseStreamName } from "./stream_name.ts";
import { StreamName } from "./stream_names.ts";

Deno.test("defineStreamName() takes stream:<domain>:events, twice too", () => {
  for (const name of ["stream:a:events", "stream:a-b_c:d2:events", "stream:a:events"]) {
    assertEquals<string>(defineStreamName(name), name);
  }
});

Deno.test("defineStreamName() refuses other forms", () => {
  const long = `stream:${"a".repeat(200)}:events`;
  for (
    const name of ["", "widgets", "stream::events", "stream:A:events", "stream:a-:events", "stream:a:events\n", long]
  ) {
    assertThrows(() => defineStreamName(name), TypeError, "expected stream:<domain>:events");
  }
});

Deno.test("parseStreamName() knows defined streams only, and lists them", () => {
  assertEquals(parseStreamName("stream:widgets:events"), StreamName.WIDGETS);
  assertThrows(() => parseStreamName("stream:typo:events"), TypeError, "stream:widgets:events");
});
