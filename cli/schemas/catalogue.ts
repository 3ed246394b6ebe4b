import { type EventDefinition, isNotSetSchema } from "@events-pipeline/common";
import type { Consumer } from "@events-pipeline/consumer";
import type { z } from "zod";
import { typeWords } from "./type_words.ts";

/** A field of an event, in words. */
export interface CatalogueField {
  /** Where it is: `lines[].sku`. */
  readonly path: string;
  /** What it holds. */
  readonly type: string;
  /** Whether it may be absent, and what it is then. */
  readonly presence: string;
  /** What its author says of it; empty if nothing. */
  readonly description: string;
}

/** An event, in words. */
export interface CatalogueEvent {
  readonly name: string;
  /** What its author says of it; empty if nothing. */
  readonly description: string;
  /** What to use instead; `undefined` while it is in use. */
  readonly deprecated: string | undefined;
  readonly aliases: readonly string[];
  /** Every field at every depth, in the author's order. */
  readonly fields: readonly CatalogueField[];
  /** Who reads it, as far as is known. */
  readonly readers: readonly { readonly consumer: string; readonly stream: string }[];
}

/** Describes an event. */
export function describeEvent(definition: EventDefinition, consumers: readonly Consumer[] = []): CatalogueEvent {
  const { name, description = "", deprecated, aliases } = definition;
  const readers = consumers
    .filter(({ events }) => events.has(name))
    .map((consumer) => ({ consumer: consumer.name, stream: consumer.stream as string }))
    .sort((a, b) => a.consumer < b.consumer ? -1 : 1);
  const root = definition.schema as unknown as z.ZodType;
  return {
    name,
    description,
    deprecated,
    aliases,
    fields: [...fieldsIn(root, "", new Map([[root, "the event"]]))],
    readers,
  };
}

type Above = ReadonlyMap<z.core.$ZodType, string>;

/** What this file reads of a zod definition, whichever type it is of. */
interface Definition {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** The fields inside a schema. `above` has the schemas around it, so that a recursive type ends. */
function* fieldsIn(schema: z.ZodType, path: string, above: Above): Generator<CatalogueField> {
  const definition = schema._zod.def as unknown as Definition;
  const inside = (inner: unknown, innerPath: string): Generator<CatalogueField> => {
    const type = inner as z.ZodType;
    return above.has(type)
      ? none()
      : fieldsIn(type, innerPath, new Map([...above, [type, innerPath === "" ? "the event" : innerPath]]));
  };
  switch (definition.type) {
    case "object":
      for (const [key, field] of Object.entries(definition["shape"] as Record<string, z.ZodType>)) {
        const fieldPath = path === "" ? key : `${path}.${key}`;
        yield {
          path: fieldPath,
          type: typeWords(field, above),
          presence: presenceWords(field),
          description: descriptionOf(field),
        };
        yield* inside(field, fieldPath);
      }
      return;
    case "array":
      return yield* inside(definition["element"], `${path}[]`);
    case "record":
      return yield* inside(definition["valueType"], `${path}.<name>`);
    case "tuple":
      for (const [i, item] of (definition["items"] as z.ZodType[]).entries()) yield* inside(item, `${path}[${i}]`);
      if (definition["rest"]) yield* inside(definition["rest"], `${path}[…]`);
      return;
    case "union":
      for (const [i, option] of (definition["options"] as z.ZodType[]).entries()) {
        yield* inside(option, `${path}(${alternativeName(option, definition["discriminator"]) ?? i + 1})`);
      }
      return;
    case "lazy":
      return yield* inside((schema as z.ZodLazy)._zod.innerType, path);
    case "pipe":
      return yield* inside(definition["in"], path);
    default:
      if (definition["innerType"] !== undefined) yield* inside(definition["innerType"], path);
  }
}

function* none(): Generator<never> {}

/** An alternative's name is the value that tells it from the others. */
function alternativeName(option: z.ZodType, discriminator: unknown): string | undefined {
  const values = typeof discriminator === "string" ? option._zod.propValues?.[discriminator] : undefined;
  return values === undefined ? undefined : [...values].map(String).join("|");
}

function presenceWords(field: z.ZodType): string {
  if (isNotSetSchema(field)) return "may be absent: NOT_SET";
  const definition = field._zod.def as unknown as Definition;
  if (definition.type === "default") {
    const wire = (definition["innerType"] as z.ZodType).encode(definition["defaultValue"]);
    return `if absent: ${JSON.stringify(wire)}`;
  }
  if (definition.type === "prefault") return `if absent: ${JSON.stringify(definition["defaultValue"])}`;
  return field._zod.optin === undefined ? "always" : "may be absent: undefined";
}

function descriptionOf(field: z.ZodType): string {
  const meta = field.meta() as {
    readonly title?: unknown;
    readonly description?: unknown;
    readonly deprecated?: unknown;
  } | undefined;
  const inner = (field._zod.def as unknown as Definition)["innerType"] ??
    (field._zod.def as unknown as Definition)["in"];
  const own = [meta?.title, meta?.description].filter((text) => typeof text === "string").join(": ");
  const words = own === "" && inner !== undefined ? descriptionOf(inner as z.ZodType) : own;
  return meta?.deprecated === true ? `Deprecated. ${words}`.trim() : words;
}
