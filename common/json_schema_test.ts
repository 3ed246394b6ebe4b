import { assert, assertEquals } from "@std/assert";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import { z } from "zod";
import { base64Bytes, bigintString, isoDate } from "./codecs.ts";
import { defineEvent, type EventDefinition } from "./event.ts";
import { eventJsonSchema } from "./json_schema.ts";
import { notSet } from "./not_set.ts";
import { arbitraryEvents } from "./testdata/arbitrary_event.ts";
import { jsonMutations } from "./testdata/json_mutations.ts";

/** More of them find more: `SCHEMA_RUNS=5000`. */
const RUNS = Number(Deno.env.get("SCHEMA_RUNS") ?? 80);

/** A validator of somebody else. A `uri` is what the WHATWG calls a URL; the other formats have patterns beside them. */
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictTuples: false });
ajv.addFormat("uri", { type: "string", validate: (text) => URL.canParse(text) });
for (const name of ["date-time", "uuid", "base64"]) ajv.addFormat(name, true);

function validator(definition: EventDefinition<string, unknown>): ValidateFunction {
  return ajv.compile(eventJsonSchema(definition));
}

function accepts(definition: EventDefinition<string, unknown>, json: unknown): boolean {
  try {
    definition.decode(json);
    return true;
  } catch {
    return false;
  }
}

Deno.test("eventJsonSchema() accepts what the event accepts, and refuses what it refuses", () => {
  const counts = { accepted: 0, refused: 0 };
  const cases = arbitraryEvents.chain(({ words, definition, payloads }) =>
    fc.array(payloads, { minLength: 3, maxLength: 6 }).map((all) => ({ words, definition, all, toString: () => words }))
  );
  fc.assert(
    fc.property(cases, fc.array(jsonMutations, { minLength: 6, maxLength: 6 }), ({ definition, all }, mutations) => {
      const validate = validator(definition);
      for (const [i, payload] of all.entries()) {
        const wire = JSON.parse(definition.encode(definition.create(payload)));
        assert(validate(wire), `refused what the event wrote: ${JSON.stringify([wire, validate.errors])}`);
        const other = mutations[i]!(wire);
        const accepted = accepts(definition, other);
        assertEquals(
          validate(other),
          accepted,
          JSON.stringify({ other, accepted, schema: eventJsonSchema(definition) }),
        );
        counts[accepted ? "accepted" : "refused"]++;
      }
    }),
    { numRuns: RUNS },
  );
  assert(counts.accepted > 50 && counts.refused > 50, JSON.stringify(counts));
});

Deno.test("eventJsonSchema() says what is on the wire", () => {
  const Shown = defineEvent("JsonSchemaTestShown", {
    at: isoDate,
    count: bigintString,
    colour: notSet(z.string().max(9).describe("As the shop names it")),
    note: z.nullable(z.string()).default("none"),
    parts: z.array(z.object({ id: z.int().min(1) })),
  }, { description: "It was shown.", deprecated: "use Seen" });
  const schema = eventJsonSchema(Shown) as { properties: Record<string, Record<string, unknown>> };
  assertEquals(
    { ...schema, properties: Object.keys(schema.properties) },
    {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "JsonSchemaTestShown",
      description: "It was shown.\n\nDeprecated: use Seen",
      deprecated: true,
      type: "object",
      properties: ["at", "count", "colour", "note", "parts"],
      required: ["at", "count", "parts"],
      additionalProperties: {},
    } as unknown,
  );
  const { at, count, colour, note, parts } = schema.properties;
  assertEquals([at!["format"], count!["type"], note!["default"]], ["date-time", "string", "none"]);
  assertEquals(colour, { type: "string", maxLength: 9, description: "As the shop names it" });
  assertEquals(parts, {
    type: "array",
    items: {
      type: "object",
      properties: { id: { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER } },
      required: ["id"],
      additionalProperties: {},
    },
  });
});

Deno.test("eventJsonSchema() gives defaults as they are on the wire", () => {
  const at = (isoDate as unknown as z.ZodType<Date>).default(new Date(0));
  const big = (bigintString as unknown as z.ZodType<bigint>).default(5n);
  const bytes = (base64Bytes as unknown as z.ZodType<Uint8Array>).default(new Uint8Array([1]));
  const before = (isoDate as unknown as z.ZodType<Date, string>).prefault("1970-01-01T00:00:00Z");
  const Filled = defineEvent("JsonSchemaTestFilled", { at, big, bytes, before });
  const { properties } = eventJsonSchema(Filled) as { properties: Record<string, { default: unknown }> };
  assertEquals(Object.values(properties).map((property) => property.default), [
    "1970-01-01T00:00:00.000Z",
    "5",
    "AQ==",
    "1970-01-01T00:00:00Z",
  ]);
  assert(validator(Filled)({}));
  assertEquals(Filled.decode({}).payload, {
    at: new Date(0),
    big: 5n,
    bytes: new Uint8Array([1]),
    before: new Date(0),
  });
});

Deno.test("eventJsonSchema() leaves out what JSON Schema cannot say, rather than refuse what the event takes", () => {
  const Loose = defineEvent("JsonSchemaTestLoose", {
    shout: z.string().regex(/^abc$/i).min(3),
    odd: z.string().regex(/^\-\_$/),
    both: z.string().regex(/^a/i).regex(/b$/),
    even: z.int().refine((value) => value % 2 === 0),
  });
  const validate = validator(Loose);
  const wire = { shout: "ABC", odd: "-_", both: "Ab", even: 2 };
  assert(accepts(Loose, wire) && validate(wire), JSON.stringify(validate.errors));
  assert(!validate({ ...wire, shout: "A" }) && !validate({ ...wire, both: "Ac" }));
});
