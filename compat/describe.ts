import type { BoundsForm, FieldForm, TypeForm } from "./normal_form.ts";

/** The longest a description may be. */
const MAX_LENGTH = 160;

/**
 * A type in words, for reports.
 *
 * @example
 * ```ts
 * import { describeType, snapshotOf } from "@events-pipeline/compat";
 * import { defineEvent } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 * import { z } from "zod";
 *
 * const LampLit = defineEvent("LampLit", { room: z.string().min(1), watts: z.int().nullable() });
 * const { payload } = snapshotOf([{ LampLit }]).events["LampLit"]!;
 * assertEquals(describeType(payload), "object with room (text of at least 1 character), watts (whole number or null)");
 * ```
 */
export function describeType(type: TypeForm): string {
  const text = words(type, 0);
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH - 1)}…`;
}

function words(type: TypeForm, depth: number): string {
  const checked = type.refinements === undefined ? "" : " with a check in program code";
  return plainWords(type, depth) + checked;
}

function plainWords(type: TypeForm, depth: number): string {
  switch (type.kind) {
    case "any":
      return "anything";
    case "never":
      return "nothing";
    case "null":
      return "null";
    case "boolean":
      return "true or false";
    case "string": {
      const parts = [
        ...type.formats.map(({ name, options }) => {
          const set = Object.entries(options).filter(([, value]) => value !== null && value !== false);
          return `in the format ${name}${set.map(([key, value]) => `, ${key} ${JSON.stringify(value)}`).join("")}`;
        }),
        ...type.patterns.map(({ source, flags }) => `that matches /${source}/${flags}`),
      ];
      return ["text", boundsWords(type.length, "of ", " character"), ...parts].filter((part) => part !== "").join(" ");
    }
    case "number": {
      return [
        type.integer ? "whole number" : "number",
        boundsWords(type.integer ? withoutSafe(type.bounds) : type.bounds, "of ", ""),
        type.multipleOf.length === 0 ? "" : `that is a multiple of ${type.multipleOf.join(" and ")}`,
      ].filter((part) => part !== "").join(" ");
    }
    case "literal":
      return `${type.values.length === 1 ? "" : "one of "}${
        type.values.map((value) => JSON.stringify(value)).join(", ")
      }`;
    case "array":
      return `list${boundsWords(type.length, " of ", " item")} of ${depth > 2 ? "…" : words(type.element, depth + 1)}`;
    case "tuple": {
      const rest = type.rest === undefined ? "" : `, then any number of ${words(type.rest, depth + 1)}`;
      const optional = type.required === type.items.length ? "" : ` (${type.required} at least)`;
      return depth > 2
        ? "tuple"
        : `tuple of ${type.items.map((item) => words(item, depth + 1)).join(", ")}${optional}${rest}`;
    }
    case "object": {
      const closed = type.unknown === "refused" ? " and no other field" : "";
      if (depth > 0) return `object with ${Object.keys(type.fields).join(", ") || "any field"}${closed}`;
      const fields = Object.entries(type.fields).map(([name, field]) => `${name} (${describeField(field)})`);
      return `object with ${fields.join(", ") || "any field"}${closed}`;
    }
    case "record":
      return `record of ${words(type.value, depth + 1)} by ${words(type.key, depth + 1)}`;
    case "union":
      return type.branches.map((branch) => words(branch, depth + 1)).join(type.exclusive ? " or else " : " or ");
    case "intersection":
      return type.parts.map((part) => words(part, depth + 1)).join(" and ");
    case "codec":
      return `${words(type.wire, depth + 1)} (read by a codec)`;
    case "ref":
      return "the same again";
    case "opaque":
      return `${type.name}${boundsWords(type.bounds, " of ", "")}`;
  }
}

/** Bounds without those that every whole number in JavaScript has. */
function withoutSafe({ min, max, aboveMin, belowMax }: BoundsForm): BoundsForm {
  return {
    ...(min === undefined || min === Number.MIN_SAFE_INTEGER ? {} : { min, ...(aboveMin && { aboveMin }) }),
    ...(max === undefined || max === Number.MAX_SAFE_INTEGER ? {} : { max, ...(belowMax && { belowMax }) }),
  };
}

/** A field in words: its type, and whether it may be absent. */
export function describeField({ presence, type }: FieldForm): string {
  const may =
    { required: "", optional: ", optional", default: ", optional with a default", notSet: ", notSet" }[presence];
  return `${words(type, 1)}${may}`;
}

/** Bounds in words; empty when there are none. */
export function boundsWords({ min, aboveMin, max, belowMax }: BoundsForm, before: string, unit: string): string {
  const plural = (count: number): string => unit === "" || count === 1 ? unit : `${unit}s`;
  if (min === undefined && max === undefined) return "";
  if (min === max) return `${before}${min}${plural(min!)}`;
  if (max === undefined) return `${before}${aboveMin ? "more than" : "at least"} ${min}${plural(min!)}`;
  if (min === undefined) return `${before}${belowMax ? "less than" : "at most"} ${max}${plural(max)}`;
  return `${before}${aboveMin ? "more than " : ""}${min} to ${belowMax ? "less than " : ""}${max}${plural(max)}`;
}
