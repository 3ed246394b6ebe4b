import { boundsWords, describeType } from "./describe.ts";
import type { BoundsForm, FormatForm, TypeForm } from "./normal_form.ts";
import type { Obstacle } from "./rules/rule.ts";
import { BOUND, FORMAT, INTEGER, LENGTH, MULTIPLE_OF, PATTERN } from "./rules/values.ts";

type Of<Kind extends TypeForm["kind"]> = Extract<TypeForm, { readonly kind: Kind }>;

/** Takes an obstacle, with what the writer sends and what the reader takes in words. */
export type Report = (obstacle: Obstacle, writer: string, reader: string) => void;

const json = JSON.stringify;

/** Whether the reader's bounds leave out some of what the writer's allow. */
export function isTighter(writer: BoundsForm, reader: BoundsForm): boolean {
  const low = reader.min !== undefined && (
    writer.min === undefined || writer.min < reader.min ||
    (writer.min === reader.min && reader.aboveMin === true && writer.aboveMin !== true)
  );
  const high = reader.max !== undefined && (
    writer.max === undefined || writer.max > reader.max ||
    (writer.max === reader.max && reader.belowMax === true && writer.belowMax !== true)
  );
  return low || high;
}

/** Compares two kinds of texts. */
export function compareStrings(writer: Of<"string">, reader: Of<"string">, report: Report): void {
  if (isTighter(writer.length, reader.length)) {
    const words = (bounds: BoundsForm): string => boundsWords(bounds, "", " character") || "any length";
    report(LENGTH, words(writer.length), words(reader.length));
  }
  const patterns = reader.patterns.filter((pattern) => !writer.patterns.some((own) => json(own) === json(pattern)));
  if (patterns.length > 0) {
    const words = (of: Of<"string">): string =>
      of.patterns.map(({ source, flags }) => `/${source}/${flags}`).join(" and ");
    report(PATTERN, words(writer) || "no pattern", words(reader));
  }
  const formats = reader.formats.filter((format) => !writer.formats.some((own) => implies(own, format)));
  if (formats.length > 0) {
    const [sent, taken] = [describeType(writer), describeType(reader)];
    // The same format in the words of two versions of zod.
    const pattern = (of: Of<"string">): string =>
      sent === taken ? of.formats.map((format) => ` /${format.pattern?.source ?? ""}/`).join("") : "";
    report(FORMAT, sent + pattern(writer), taken + pattern(reader));
  }
}

/** Whether every text of a format has the other one too, as far as is known. */
function implies(narrow: FormatForm, wide: FormatForm): boolean {
  if (json(narrow) === json(wide)) return true;
  const [a, b] = [narrow.options, wide.options];
  if (narrow.name === "uuid" && wide.name === "guid") return true;
  if (narrow.name !== wide.name) return false;
  switch (narrow.name) {
    case "uuid":
      return b["version"] === undefined;
    case "datetime":
    case "time": {
      const precision = a["precision"] === b["precision"] ||
        (b["precision"] === null && typeof a["precision"] === "number" && a["precision"] >= 0);
      return precision && (!a["local"] || Boolean(b["local"])) && (!a["offset"] || Boolean(b["offset"]));
    }
    case "url":
      return a["normalize"] === b["normalize"] &&
        ["hostname", "protocol"].every((key) => b[key] === undefined || a[key] === b[key]);
    default:
      return false;
  }
}

/** Compares two kinds of numbers. */
export function compareNumbers(writer: Of<"number">, reader: Of<"number">, report: Report): void {
  const rounded = reader.integer && !writer.integer;
  if (rounded) report(INTEGER, "any number", "whole number");
  // A whole number is never beyond what is exact: that is said already.
  const { min, max } = reader.bounds;
  const taken: BoundsForm = rounded
    ? {
      ...(min === undefined || min === Number.MIN_SAFE_INTEGER ? {} : { min }),
      ...(max === undefined || max === Number.MAX_SAFE_INTEGER ? {} : { max }),
    }
    : reader.bounds;
  if (isTighter(writer.bounds, taken)) {
    const words = (bounds: BoundsForm): string => boundsWords(bounds, "", "") || "any number";
    report(BOUND, words(writer.bounds), words(taken));
  }
  const steps = reader.multipleOf.filter((step) => !writer.multipleOf.some((own) => isMultiple(own, step)));
  if (steps.length > 0) {
    const words = (of: readonly number[]): string =>
      of.length === 0 ? "any number" : `a multiple of ${of.join(" and ")}`;
    report(MULTIPLE_OF, words(writer.multipleOf), words(reader.multipleOf));
  }
}

/** Whether a number is a multiple of another, both taken as the decimals that they are written as. */
function isMultiple(value: number, step: number): boolean {
  if (step === 0) return false;
  const places = Math.max(decimals(value), decimals(step));
  const [whole, wholeStep] = [value, step].map((number) => Math.round(number * 10 ** places));
  return Number.isSafeInteger(whole) && Number.isSafeInteger(wholeStep) && whole! % wholeStep! === 0;
}

function decimals(value: number): number {
  const [, fraction = "", exponent = "0"] = /^-?\d+(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  return Math.max(0, fraction.length - Number(exponent));
}

/** Whether a type takes a value. When in doubt (a format without a pattern, a check in program code), `undefined`. */
export function valueFits(value: null | boolean | number | string, type: TypeForm): boolean | undefined {
  const doubt = type.refinements === undefined ? true : undefined;
  switch (type.kind) {
    case "any":
      return doubt;
    case "null":
      return value === null && doubt;
    case "boolean":
      return typeof value === "boolean" && doubt;
    case "literal":
      return type.values.includes(value) && doubt;
    case "string": {
      if (typeof value !== "string" || !within([...value].length, type.length)) return false;
      const patterns = [...type.patterns, ...type.formats.map(({ pattern }) => pattern)];
      if (patterns.some((pattern) => pattern !== undefined && !new RegExp(pattern.source, pattern.flags).test(value))) {
        return false;
      }
      return type.formats.every(({ name, pattern }) => pattern !== undefined && !CHECKED_FURTHER.has(name))
        ? doubt
        : undefined;
    }
    case "number": {
      if (typeof value !== "number" || !within(value, type.bounds)) return false;
      if (type.integer && !Number.isSafeInteger(value)) return false;
      return type.multipleOf.every((step) => isMultiple(value, step)) && doubt;
    }
    case "array":
    case "tuple":
    case "object":
    case "record":
    case "never":
      return false;
    default:
      return undefined;
  }
}

/** Formats that have a pattern, and are checked by program code as well. */
const CHECKED_FURTHER = new Set(["base64", "base64url", "ipv6", "cidrv6", "jwt", "url"]);

function within(value: number, { min, aboveMin, max, belowMax }: BoundsForm): boolean {
  return (min === undefined || (aboveMin ? value > min : value >= min)) &&
    (max === undefined || (belowMax ? value < max : value <= max));
}
