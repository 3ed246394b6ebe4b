import { z } from "zod";
import { type Mode, MODES, parseMode } from "./modes.ts";
import { RULES } from "./rules/rules.ts";

/** A breaking change that was agreed on. */
export interface Waiver {
  /** The rule's id. */
  readonly rule: string;
  /** The event that it is about. */
  readonly event?: string;
  /** The stream that it is about, in place of an event. */
  readonly stream?: string;
  /** Where in the payload, as the report writes it. @default the whole event */
  readonly path: string;
  /** Why it is right. */
  readonly reason: string;
  /** The day on which it was agreed: `2026-01-31`. */
  readonly date: string;
  /** The last day on which it holds. @default it holds until it is deleted */
  readonly until?: string;
}

/** What `compat.json` says. */
export interface CompatFile {
  /** What must not break. @default the command line's */
  readonly mode?: Mode;
  /** Another mode for some events, by name. */
  readonly events: { readonly [event: string]: { readonly mode: Mode } };
  /** The breaking changes that were agreed on. */
  readonly waivers: readonly Waiver[];
}

/** `compat.json` is not as it must be. The message has every fault. */
export class CompatFileError extends Error {
  /** The error's name, `CompatFileError`. */
  override readonly name = "CompatFileError";
}

const mode = z.string().transform((text, context) => {
  const known = parseMode(text);
  if (known === undefined) context.addIssue(`must be one of ${MODES.join(", ")}`);
  return known ?? z.NEVER;
});

const day = z.string().refine((text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)), {
  error: "must be a day, such as 2026-01-31",
});

const waiver = z.strictObject({
  rule: z.string().refine((id) => RULES.some((rule) => rule.id === id), { error: "is not a rule of the checker" }),
  event: z.string().min(1).optional(),
  stream: z.string().min(1).optional(),
  path: z.string().default(""),
  reason: z.string({ error: "is missing: say why the change is right" }).trim().min(10, {
    error: "must say why the change is right, in 10 characters at least",
  }),
  date: day,
  until: day.optional(),
}).superRefine(({ event, stream, date, until }, context) => {
  if ((event === undefined) === (stream === undefined)) context.addIssue("must name either an event or a stream");
  if (until !== undefined && until < date) context.addIssue("must not end (until) before it was agreed (date)");
});

const compatFile = z.strictObject({
  $schema: z.string().optional(),
  mode: mode.optional(),
  events: z.record(z.string(), z.strictObject({ mode })).default({}),
  waivers: z.array(waiver).default([]),
});

/**
 * Reads the text of `compat.json`.
 *
 * @throws {CompatFileError} it is no JSON, or says what it must not
 *
 * @example
 * ```ts
 * import { readCompatFile } from "@events-pipeline/compat";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(readCompatFile('{ "mode": "FULL" }'), { mode: "full", events: {}, waivers: [] });
 * ```
 */
export function readCompatFile(text: string): CompatFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CompatFileError(`Cannot read compat.json: it is no JSON: ${(cause as Error).message}`, { cause });
  }
  const result = compatFile.safeParse(json);
  if (!result.success) {
    const faults = result.error.issues.map(({ path, message }) => `  ${path.join(".") || "it"}: ${message}`);
    throw new CompatFileError(["Cannot use compat.json:", ...faults].join("\n"));
  }
  const { $schema: _, ...file } = result.data;
  return file as CompatFile;
}
