import { assertEquals } from "@std/assert";
import { checkStages } from "./checker.ts";

const sent = ["a", "b", "c"];
const stage = (name: string, eventIds: readonly string[]) => ({ name, eventIds });
const clean = { lost: 0, duplicated: 0, outOfOrder: 0, unexpected: 0 };

Deno.test("checkStages() finds nothing where nothing is wrong", () => {
  assertEquals(checkStages(sent, [stage("stream", sent), stage("handled", sent)]), clean);
});

Deno.test("checkStages() counts a planted loss, duplicate, swap and stranger", () => {
  const handled = (ids: readonly string[]) => checkStages(sent, [stage("stream", sent), stage("handled", ids)]);
  assertEquals(handled(["a", "c"]), { ...clean, lost: 1 });
  assertEquals(handled(["a", "b", "b", "c"]), { ...clean, duplicated: 1 });
  assertEquals(handled(["a", "c", "b"]), { ...clean, outOfOrder: 1 });
  assertEquals(handled(["a", "b", "c", "x"]), { ...clean, unexpected: 1 });
});
