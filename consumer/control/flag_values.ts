import type { ResetTarget } from "./reset_target.ts";

/** Reads where a consumer is to be put; `undefined` when the text says nothing of the kind. */
export function parseTarget(text: string): ResetTarget | undefined {
  if (text === "beginning") return "beginning";
  return /^\d{1,15}-\d{1,15}$/.test(text) ? text as ResetTarget : parseTime(text);
}

/** Reads a time as ISO 8601 writes it, such as `2026-01-31` (its first moment, UTC) or `2026-01-31T12:00Z`. */
export function parseTime(text: string): Date | undefined {
  const [, day] = /^\d{4}-\d\d-(\d\d)/.exec(text) ?? [];
  // A 31st of February would be taken for a day of March.
  if (day === undefined || new Date(text.slice(0, 10)).getUTCDate() !== Number(day)) return undefined;
  if (!/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
