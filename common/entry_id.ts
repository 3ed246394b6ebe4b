/**
 * The id of a stream entry, `<ms>-<position>`. `ms` says when the entry was appended (Unix milliseconds); `position` counts the
 * stream's events densely from 1, so a reader sees a gap at once.
 */
export interface EntryId {
  /** When the entry was appended, in Unix milliseconds. Never falls along a stream. */
  readonly ms: number;
  /** Which event of the stream this is, counted from 1 without holes. */
  readonly position: number;
}

/** The checkpoint of a reader that has read nothing, and of a stream that holds nothing. */
export const ZERO_ENTRY_ID = "0-0";

const ENTRY_ID = /^(\d{1,16})-(\d{1,16})$/;

/**
 * Parses the text form of an entry id.
 *
 * @throws {TypeError} the text is not `<ms>-<position>`
 *
 * @example
 * ```ts
 * import { parseEntryId } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseEntryId("1767225600000-42"), { ms: 1767225600000, position: 42 });
 * ```
 */
export function parseEntryId(text: string): EntryId {
  const match = ENTRY_ID.exec(text);
  const id = { ms: Number(match?.[1]), position: Number(match?.[2]) };
  if (!Number.isSafeInteger(id.ms) || !Number.isSafeInteger(id.position)) {
    throw new TypeError(`Cannot read '${text}' as an entry id: expected <ms>-<position>`);
  }
  return id;
}

/**
 * Writes an entry id as text.
 *
 * @example
 * ```ts
 * import { formatEntryId } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatEntryId({ ms: 1767225600000, position: 42 }), "1767225600000-42");
 * ```
 */
export function formatEntryId(id: EntryId): string {
  return `${id.ms}-${id.position}`;
}

/**
 * Orders two entry ids as Redis does: by time, then by position. Negative when `a` comes first.
 *
 * @example
 * ```ts
 * import { compareEntryIds } from "@events-pipeline/common";
 * import { assert } from "@std/assert";
 *
 * assert(compareEntryIds("5-10", "5-9") > 0);
 * ```
 */
export function compareEntryIds(a: string, b: string): number {
  const x = parseEntryId(a);
  const y = parseEntryId(b);
  return x.ms - y.ms || x.position - y.position;
}

/** The time of an entry id can't go backwards: `max(now, last)`. */
export function entryMs(last: EntryId, now: number): number {
  return Math.max(now, last.ms);
}
