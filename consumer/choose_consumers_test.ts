import { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { assertEquals, assertThrows } from "@std/assert";
import { chooseConsumers } from "./choose_consumers.ts";
import { defineConsumer } from "./define_consumer.ts";

const consumers = ["b", "a", "c"].map((name) =>
  defineConsumer({ stream: StreamName.WIDGETS, name, events: [WidgetCreated], handle() {} })
);

const chosen = (...names: readonly string[]) => chooseConsumers(consumers, names).map(({ name }) => name);

Deno.test("chooseConsumers() picks the named ones, or all", () => {
  assertEquals(chosen(), ["b", "a", "c"]);
  assertEquals(chosen("c", "b", "c"), ["b", "c"]);
});

Deno.test("chooseConsumers() names the consumers there are when one is unknown", () => {
  const message = "Cannot run only 'x', 'y': the handlers files have 'a', 'b', 'c'";
  assertThrows(() => chosen("a", "x", "y"), TypeError, message);
});
