/**
 * JSON Schema of events, for those who write or check them in another language.
 *
 * @module
 */
import { z } from "zod";
import type { EventDefinition } from "./event.ts";

/** A JSON Schema, as JSON. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * Describes an event's payload on the wire as JSON Schema 2020-12. Codecs are what travels, objects are open, a `notSet` field is one that is
 * not required. What a program alone can check (`refine`, patterns that ignore case) is left out, so the JSON Schema may take more than the
 * event does, never less.
 *
 * @example
 * ```ts
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { eventJsonSchema } from "@events-pipeline/common/json-schema";
 * import { assertEquals } from "@std/assert";
 *
 * const { type, required } = eventJsonSchema(WidgetCreated);
 * assertEquals([type, required], ["object", ["widget_id", "owner_id"]]);
 * ```
 */
export function eventJsonSchema(definition: EventDefinition<string, unknown>): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(definition.schema as unknown as z.ZodType, {
    target: "draft-2020-12",
    io: "input",
    // Everything that JSON Schema has no word for was refused when the event was defined, but for defaults in memory: see below.
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => correct(zodSchema as unknown as z.ZodType, jsonSchema),
  });
  const { name, description, deprecated } = definition;
  const words = [description, deprecated === undefined ? undefined : `Deprecated: ${deprecated}`];
  const said = words.filter((each) => each !== undefined).join("\n\n");
  return {
    $schema,
    title: name,
    ...(said === "" ? {} : { description: said }),
    ...(deprecated === undefined ? {} : { deprecated: true }),
    ...schema,
  };
}

/** Makes of zod's JSON Schema for one schema what holds on the wire. */
function correct(schema: z.ZodType, json: z.core.JSONSchema.BaseSchema): void {
  const { type, defaultValue, innerType } = schema._zod.def as {
    readonly type: string;
    readonly defaultValue?: unknown;
    readonly innerType?: z.ZodType;
  };
  if (type === "default") json.default = innerType!.encode(defaultValue) as typeof json.default;
  if (type === "prefault") json.default = defaultValue as typeof json.default;
  if (type === "string") dropPatterns(schema, json);
  // JSON Schema wants one at least. That there may be no items is said by `items: false`.
  if (type === "tuple" && json.prefixItems?.length === 0) delete json.prefixItems;
}

/** JSON Schema's patterns have no flags, and are read with the flag `u`. */
function dropPatterns(schema: z.ZodType, json: z.core.JSONSchema.BaseSchema): void {
  const dropped = new Set(patternsOf(schema).filter((pattern) => !isExpressible(pattern)).map(({ source }) => source));
  if (dropped.size === 0) return;
  if (dropped.has(json.pattern ?? "")) delete json.pattern;
  const all = json.allOf?.filter(({ pattern }) => pattern === undefined || !dropped.has(pattern));
  if (all?.length === 0) delete json.allOf;
  else if (all !== undefined) json.allOf = all;
}

function patternsOf(schema: z.ZodType): RegExp[] {
  const definitions = [schema._zod.def, ...(schema._zod.def.checks ?? []).map((check) => check._zod.def)];
  return definitions.map((definition) => (definition as { pattern?: unknown }).pattern).filter((pattern) =>
    pattern instanceof RegExp
  );
}

function isExpressible({ source, flags }: RegExp): boolean {
  if (/[imsvy]/.test(flags)) return false;
  try {
    return new RegExp(source, "u").source === source;
  } catch {
    return false;
  }
}
