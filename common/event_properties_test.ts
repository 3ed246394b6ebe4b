import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { InvalidEventError } from "./invalid_event_error.ts";
import { arbitraryEvents } from "./testdata/arbitrary_event.ts";
import { jsonMutations, reversedKeys } from "./testdata/json_mutations.ts";

/** More of them find more: `SCHEMA_RUNS=5000`. */
const RUNS = Number(Deno.env.get("SCHEMA_RUNS") ?? 100);

/** An event's definition and a payload of it. A failure prints the seed, and the fields and the payload in their smallest form. */
const cases = arbitraryEvents.chain(({ words, definition, payloads }) =>
  payloads.map((payload) => ({ words, definition, payload, toString: () => words }))
);

/** Whether all of it is frozen that can be. */
function isFrozenAllTheWay(value: unknown): boolean {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozenAllTheWay);
}

Deno.test("decode(encode(event)) is the event, for any definition and payload, unknown fields included", () => {
  fc.assert(
    fc.property(cases, ({ definition, payload }) => {
      const created = definition.create(payload);
      assertEquals(created.payload, payload);
      const text = definition.encode(created);
      const decoded = definition.decode(JSON.parse(text));
      assertEquals(decoded, created);
      assertEquals(definition.encode(decoded), text);
      assert(isFrozenAllTheWay(created) && isFrozenAllTheWay(decoded), "something is not frozen");
      assert(!Object.isFrozen(payload), "the caller's payload is frozen");
    }),
    { numRuns: RUNS },
  );
});

Deno.test("equal payloads have equal bytes, whatever the order of their keys", () => {
  fc.assert(
    fc.property(cases, ({ definition, payload }) => {
      const text = definition.encode(definition.create(payload));
      assertEquals(definition.encode(definition.create(reversedKeys(payload) as typeof payload)), text);
      const wire = JSON.parse(text);
      assertEquals(definition.encode(definition.decode(reversedKeys(wire))), text);
      assertEquals(definition.encode({ type: definition.name, payload: reversedKeys(payload) }), text);
    }),
    { numRuns: RUNS },
  );
});

Deno.test("whatever JSON arrives is an event that lasts, or an InvalidEventError", () => {
  const anything = fc.oneof(
    fc.json({ maxDepth: 4 }),
    fc.jsonValue({ maxDepth: 6 }).map((value) => JSON.stringify(value)),
  );
  const counts = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(cases, jsonMutations, anything, ({ definition, payload }, mutate, other) => {
      const wire = JSON.parse(definition.encode(definition.create(payload)));
      for (const json of [mutate(wire), mutate(mutate(wire)), JSON.parse(other)]) {
        let event;
        try {
          event = definition.decode(json);
        } catch (error) {
          assert(error instanceof InvalidEventError, String(error));
          counts.refused++;
          continue;
        }
        counts.accepted++;
        const text = definition.encode(event);
        assertEquals(definition.encode(definition.decode(JSON.parse(text))), text);
        assertEquals(definition.create(event.payload as Record<string, unknown>), event);
      }
    }),
    { numRuns: RUNS },
  );
  assert(counts.accepted > 40 && counts.refused > 40, JSON.stringify(counts));
  assertEquals(Object.keys(Object.prototype), []);
});
