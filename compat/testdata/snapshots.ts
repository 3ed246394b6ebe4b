import { z } from "zod";
import { checkSnapshots, type Finding } from "../check_snapshots.ts";
import { type CompatFile, readCompatFile } from "../compat_file.ts";
import type { Mode } from "../modes.ts";
import type { EventForm, Snapshot } from "../normal_form.ts";
import { readSchema } from "../read_schema.ts";

/** A snapshot with one event `E` of these fields, open as every event is. */
export function snapshotWith(shape: z.ZodRawShape, more: Partial<Snapshot> = {}): Snapshot {
  return { format: 1, events: { E: readSchema(z.looseObject(shape)) }, streams: {}, ...more };
}

/** An event of these fields, with aliases. */
export function eventWith(shape: z.ZodRawShape, aliases: readonly string[] = []): EventForm {
  return { ...readSchema(z.looseObject(shape)), aliases };
}

/** Checks one snapshot against another. */
export function check(
  old: Snapshot,
  now: Snapshot,
  mode: Mode = "additive",
  file: Partial<CompatFile> = {},
): readonly Finding[] {
  return checkSnapshots({ revision: "old", snapshot: old }, now, {
    ...{ mode, today: "2026-06-15" },
    file: { ...readCompatFile("{}"), ...file },
  });
}

/** A finding in short: severity, rule, path. */
export function inShort({ severity, rule, path }: Finding): string {
  return `${severity} ${rule.id} ${path}`.trim();
}
