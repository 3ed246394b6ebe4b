import { assert, assertEquals, assertThrows } from "@std/assert";
import { compareEntryIds, entryMs, formatEntryId, parseEntryId, ZERO_ENTRY_ID } from "./entry_id.ts";

Deno.test("parseEntryId() and formatEntryId() are each other's inverse", () => {
  for (const text of [ZERO_ENTRY_ID, "1767225600000-42", "9007199254740991-9007199254740991"]) {
    assertEquals(formatEntryId(parseEntryId(text)), text);
  }
});

Deno.test("parseEntryId() refuses any other text", () => {
  for (const text of ["", "5", "5-", "-5", "5-*", "5-1-1", " 5-1", "5-1\n", "1e3-1", "9007199254740992-1"]) {
    assertThrows(() => parseEntryId(text), TypeError, "as an entry id");
  }
});

Deno.test("compareEntryIds() orders by number, not by text", () => {
  assert(compareEntryIds("5-10", "5-9") > 0);
  assert(compareEntryIds("9-5", "10-1") < 0);
  assertEquals(compareEntryIds("7-7", "7-7"), 0);
});

Deno.test("entryMs() never goes backwards", () => {
  assertEquals(entryMs({ ms: 100, position: 1 }, 90), 100);
  assertEquals(entryMs({ ms: 100, position: 1 }, 110), 110);
});
