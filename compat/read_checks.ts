import type { BoundsForm, FormatForm, Json, PatternForm } from "./normal_form.ts";

/** What this file reads of a definition of zod, whichever type or check it is of. */
export interface Definition {
  /** The type. */
  readonly type: string;
  /** What else it has. */
  readonly [key: string]: unknown;
}

/** A schema of any zod 4, read by its structure: the base revision may have another copy of it. */
export interface AnySchema {
  /** Zod's record of it. */
  readonly _zod: {
    /** Its definition. */
    readonly def: Definition;
    /** How the key may be absent on the wire. */
    readonly optin?: string | undefined;
    /** Parses a value. */
    run(payload: { value: unknown; issues: unknown[] }, context: { async: boolean }): unknown;
  };
}

/** All that the checks of a schema say. */
export interface Checks {
  /** Bounds of the value. */
  bounds: BoundsForm;
  /** Bounds of the length. */
  length: BoundsForm;
  /** Whether it is a whole number. */
  integer: boolean;
  /** What it is a multiple of. */
  multipleOf: number[];
  /** Patterns that are not formats. */
  patterns: PatternForm[];
  /** Formats. */
  formats: FormatForm[];
  /** Checks that are program code, as text. */
  refinements: string[];
}

const NUMBER_FORMATS: Readonly<Record<string, readonly [min: number, max: number]>> = {
  safeint: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  float32: [-3.4028234663852886e38, 3.4028234663852886e38],
};

/** Formats that say no more than the pattern that they have. */
const PLAIN_PATTERNS = new Set(["regex", "includes", "starts_with", "ends_with", "lowercase", "uppercase"]);

/** Reads the checks of a schema: its own, if its type is a check as well (`z.uuid()`), and those that were added. */
export function readChecks(schema: AnySchema): Checks {
  const definition = schema._zod.def;
  const checks: Checks = {
    ...{ bounds: {}, length: {}, integer: false, multipleOf: [], patterns: [], formats: [], refinements: [] },
  };
  if (definition.type !== "custom" && typeof definition["check"] === "string") readCheck(checks, schema);
  for (const check of (definition["checks"] as AnySchema[] | undefined) ?? []) readCheck(checks, check);
  if (checks.integer) checks.bounds = wholeBounds(checks.bounds);
  return checks;
}

function readCheck(checks: Checks, check: AnySchema): void {
  const definition = check._zod.def;
  switch (definition["check"]) {
    case "less_than":
      checks.bounds = narrow(checks.bounds, upper(asNumber(definition["value"]), definition["inclusive"] === true));
      return;
    case "greater_than":
      checks.bounds = narrow(checks.bounds, lower(asNumber(definition["value"]), definition["inclusive"] === true));
      return;
    case "multiple_of":
      checks.multipleOf.push(asNumber(definition["value"]));
      return;
    case "number_format": {
      const [min, max] = NUMBER_FORMATS[String(definition["format"])] ?? [];
      if (String(definition["format"]).includes("int")) checks.integer = true;
      if (min !== undefined && max !== undefined) checks.bounds = narrow(checks.bounds, { min, max });
      return;
    }
    case "max_length":
    case "max_size":
      checks.length = narrow(checks.length, { max: Number(definition["maximum"]) });
      return;
    case "min_length":
    case "min_size":
      checks.length = narrow(checks.length, { min: Number(definition["minimum"]) });
      return;
    case "length_equals":
    case "size_equals": {
      const length = Number(definition["length"] ?? definition["size"]);
      checks.length = narrow(checks.length, { min: length, max: length });
      return;
    }
    case "string_format":
      readFormat(checks, definition);
      return;
    default:
      checks.refinements.push(refinementText(check));
  }
}

function readFormat(checks: Checks, definition: Definition): void {
  const name = String(definition["format"]);
  const pattern = definition["pattern"] instanceof RegExp ? patternForm(definition["pattern"]) : undefined;
  if (pattern !== undefined && PLAIN_PATTERNS.has(name)) {
    // How the text is searched is the meaning; zod's pattern for it is not always exact.
    const searched = ["includes", "prefix", "suffix", "position"].filter((key) => definition[key] !== undefined);
    if (searched.length === 0) checks.patterns.push(pattern);
    else checks.formats.push({ name, options: optionsOf(definition) });
    return;
  }
  checks.formats.push({ name, ...(pattern === undefined ? {} : { pattern }), options: optionsOf(definition) });
}

/** What was set about a format, as JSON. */
function optionsOf(definition: Definition): { [key: string]: Json } {
  const options: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(definition).sort(([a], [b]) => a < b ? -1 : 1)) {
    if (["type", "check", "format", "pattern", "abort", "error", "checks", "when", "coerce"].includes(key)) continue;
    if (value instanceof RegExp) options[key] = String(value);
    else if (["string", "number", "boolean"].includes(typeof value) || value === null) options[key] = value as Json;
    else if (value !== undefined) options[key] = sourceText(value);
  }
  return options;
}

/** A regular expression, without what only matters to a search that goes on. */
export function patternForm(pattern: RegExp): PatternForm {
  return { source: pattern.source, flags: pattern.flags.replace(/[gy]/g, "") };
}

function refinementText(check: AnySchema): string {
  const definition = check._zod.def;
  const code = definition["fn"] ?? definition["tx"] ?? (check._zod as unknown as { check?: unknown }).check;
  const kind = definition["check"] === "overwrite" ? "rewrites the value: " : "";
  return kind + sourceText(code ?? definition);
}

/** The source text of a function, or what else tells two values apart. */
export function sourceText(value: unknown): string {
  if (typeof value !== "function") {
    return JSON.stringify(
      value,
      (_, part) => typeof part === "bigint" || typeof part === "function" ? String(part) : part,
    ) ??
      String(value);
  }
  return Function.prototype.toString.call(value).replace(/\s+/g, " ");
}

function asNumber(value: unknown): number {
  return value instanceof Date ? value.getTime() : Number(value);
}

const lower = (min: number, inclusive: boolean): BoundsForm => inclusive ? { min } : { min, aboveMin: true };
const upper = (max: number, inclusive: boolean): BoundsForm => inclusive ? { max } : { max, belowMax: true };

/** The bounds that hold when both do. */
export function narrow(a: BoundsForm, b: BoundsForm): BoundsForm {
  const low = [a, b].filter(({ min }) => min !== undefined)
    .sort((x, y) => y.min! - x.min! || Number(y.aboveMin ?? false) - Number(x.aboveMin ?? false))[0];
  const high = [a, b].filter(({ max }) => max !== undefined)
    .sort((x, y) => x.max! - y.max! || Number(y.belowMax ?? false) - Number(x.belowMax ?? false))[0];
  return {
    ...(low === undefined ? {} : lower(low.min!, !low.aboveMin)),
    ...(high === undefined ? {} : upper(high.max!, !high.belowMax)),
  };
}

/** The bounds of whole numbers, with both ends included. */
function wholeBounds({ min, aboveMin, max, belowMax }: BoundsForm): BoundsForm {
  const low = min === undefined ? undefined : aboveMin ? Math.floor(min) + 1 : Math.ceil(min);
  const high = max === undefined ? undefined : belowMax ? Math.ceil(max) - 1 : Math.floor(max);
  return { ...(low === undefined ? {} : { min: low }), ...(high === undefined ? {} : { max: high }) };
}
