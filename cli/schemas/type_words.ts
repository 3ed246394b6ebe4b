import { z } from "zod";

/** What this file reads of a zod definition, whichever type it is of. */
interface Definition {
  readonly type: string;
  readonly [key: string]: unknown;
}

/** What codecs make in memory, by the zod type of their outer side. */
const IN_MEMORY: Readonly<Record<string, string>> = {
  bigint: "bigint",
  boolean: "boolean",
  date: "Date",
  number: "number",
  set: "Set",
  map: "Map",
};

/**
 * Says in words what a field holds on the wire, and in memory where that is something else. What is in an object is not told.
 *
 * @param above the paths of the schemas that it is in: a recursive type refers to them
 */
export function typeWords(schema: z.ZodType, above: ReadonlyMap<z.core.$ZodType, string>): string {
  const known = above.get(schema);
  if (known !== undefined) return `as ${known}`;
  const definition = schema._zod.def as unknown as Definition;
  const inner = (key: string): string => typeWords(definition[key] as z.ZodType, above);
  switch (definition.type) {
    case "array":
      return `list of ${nested(inner("element"))}${range(z.toJSONSchema(shell(schema)), "minItems", "maxItems", "")}`;
    case "object":
      return "object";
    case "record":
      return `object of ${nested(inner("valueType"))} by ${keyWords(inner("keyType"))}`;
    case "tuple": {
      const items = (definition["items"] as z.ZodType[]).map((item) => nested(typeWords(item, above)));
      return `list of exactly ${
        [...items, ...definition["rest"] ? [`any number of ${nested(inner("rest"))}`] : []].join(", ") || "nothing"
      }`;
    }
    case "union": {
      const options = (definition["options"] as z.ZodType[]).map((option) => typeWords(option, above));
      return [...new Set(options)].join(" or ");
    }
    case "nullable":
      return `${inner("innerType")} or null`;
    case "optional":
    case "nonoptional":
    case "default":
    case "prefault":
      return inner("innerType");
    case "lazy":
      return typeWords((schema as z.ZodLazy)._zod.innerType as z.ZodType, above);
    case "pipe": {
      const memory = IN_MEMORY[(definition["out"] as z.ZodType)._zod.def.type];
      return memory === undefined ? inner("in") : `${inner("in")} (${memory} in memory)`;
    }
    default:
      return leafWords(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }));
  }
}

/** The list itself, with elements that need no words. */
function shell(schema: z.ZodType): z.ZodType {
  return z.core.clone(schema, { ...schema._zod.def, element: z.null() } as typeof schema._zod.def);
}

function nested(words: string): string {
  return words.includes(" or ") || words.includes(", ") ? `(${words})` : words;
}

function keyWords(words: string): string {
  return words === "text" ? "name" : words;
}

type Json = Readonly<Record<string, unknown>>;

function leafWords(json: Json): string {
  if (Array.isArray(json["enum"])) return json["enum"].map((value) => JSON.stringify(value)).join(" or ");
  if ("const" in json) return JSON.stringify(json["const"]);
  switch (json["type"]) {
    case "string":
      return `text${formWords(json)}${range(json, "minLength", "maxLength", "characters")}`;
    case "integer":
    case "number":
      return `${json["type"] === "integer" ? "whole number" : "number"}${range(json, "minimum", "maximum", "")}${
        numberWords(json)
      }`;
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    default:
      return "any JSON";
  }
}

function formWords(json: Json): string {
  if (json["contentEncoding"] !== undefined) return ` in ${json["contentEncoding"]}`;
  if (json["format"] !== undefined) return `, ${json["format"]}`;
  const all = Array.isArray(json["allOf"]) ? json["allOf"] as Json[] : [];
  return [json, ...all].map(({ pattern }) => pattern === undefined ? "" : `, like /${pattern}/`).join("");
}

function numberWords(json: Json): string {
  return [
    json["exclusiveMinimum"] === undefined ? "" : `, above ${json["exclusiveMinimum"]}`,
    json["exclusiveMaximum"] === undefined ? "" : `, below ${json["exclusiveMaximum"]}`,
    json["multipleOf"] === undefined ? "" : `, a multiple of ${json["multipleOf"]}`,
  ].join("");
}

/** Bounds in words; those that every whole number in JavaScript has are left out. */
function range(json: Json, lowest: string, highest: string, unit: string): string {
  const bound = (key: string): unknown =>
    Math.abs(Number(json[key])) === Number.MAX_SAFE_INTEGER ? undefined : json[key];
  const [low, high] = [bound(lowest), bound(highest)];
  const of = unit === "" ? "" : ` ${unit}`;
  if (low === undefined && high === undefined) return "";
  if (low === high) return `, exactly ${low}${of}`;
  if (high === undefined) return `, ${low}${of} or more`;
  return low === undefined ? `, ${high}${of} at most` : `, ${low} to ${high}${of}`;
}
