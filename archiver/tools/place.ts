import { parseEntryId } from "@events-pipeline/common";
import { rightBefore } from "../read/read_archive.ts";

const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/;
const DAY_MS = 86_400_000;

/** A place in a stream, as people write it: an entry, or a day, or a time. */
export type Place =
  | { readonly kind: "entry"; readonly id: string }
  | { readonly kind: "day" | "time"; readonly ms: number };

/** What is said of a place that is none. */
export const PLACE_FAULT = "must be an entry id, or a date such as 2026-01-31 or 2026-01-31T12:00Z";

/**
 * Reads a place: an entry id, a day such as `2026-01-31` (UTC), or a time such as `2026-01-31T12:00Z`.
 *
 * @returns `undefined` when the text is nothing of the kind
 *
 * @example
 * ```ts
 * import { parsePlace } from "@events-pipeline/archiver/tools";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parsePlace("1767225600000-1"), { kind: "entry", id: "1767225600000-1" });
 * assertEquals(parsePlace("2026-01-01"), { kind: "day", ms: 1767225600000 });
 * assertEquals(parsePlace("tomorrow"), undefined);
 * ```
 */
export function parsePlace(text: string): Place | undefined {
  if (/^\d{1,15}-\d{1,15}$/.test(text)) {
    const { ms } = parseEntryId(text);
    return Number.isNaN(new Date(ms).getTime()) ? undefined : { kind: "entry", id: text };
  }
  if (!TIME.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : { kind: text.length === 10 ? "day" : "time", ms };
}

/** The `after` of a range that begins with this entry, or with the first one of this day or time. */
export function beginningAt(place: Place): string | Date {
  return place.kind === "entry" ? rightBefore(place.id) : new Date(place.ms);
}

/** The `until` of a range that ends with this entry, or with the last one of this day, or with the last one before this time. */
export function endingAt(place: Place): string | Date {
  if (place.kind === "entry") return place.id;
  return new Date(place.kind === "day" ? place.ms + DAY_MS : place.ms);
}
