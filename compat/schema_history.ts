import { type Change, diffSnapshots } from "./diff.ts";
import { type FieldChange, fieldChanges } from "./field_changes.ts";
import type { EventForm, Snapshot } from "./normal_form.ts";

/** A revision of a repository. */
export interface Revision {
  /** What people call it: a tag, or the beginning of the commit's id. */
  readonly revision: string;
  /** The id of its commit. */
  readonly commit: string;
  /** When the commit was made: `2026-01-31T12:00:00+01:00`. */
  readonly at: string;
  /** The first line of what was said about it. */
  readonly subject: string;
}

/** What became of an event in a revision: what it was from then on, or `null` when it was removed. */
export interface RecordedForm {
  /** Which revision: its place in the list. */
  readonly revision: number;
  /** What it was. */
  readonly form: EventForm | null;
}

/** How the events of a repository have changed. It is JSON. */
export interface SchemaHistory {
  /** The version of this form. */
  readonly format: 1;
  /** The revisions that were looked at, the oldest first. */
  readonly revisions: readonly Revision[];
  /** By the event's name: its forms, the oldest first. Revisions that did not change it are left out. */
  readonly events: { readonly [event: string]: readonly RecordedForm[] };
  /** What else the reader should know. */
  readonly remarks: readonly string[];
}

/** A version of an event. */
export interface EventVersion extends Revision {
  /** What happened to it. The oldest revision that was looked at may have had it from before: then it is `first seen`. */
  readonly what: "first seen" | "added" | "changed" | "removed";
  /** What became of its fields. */
  readonly fields: readonly FieldChange[];
  /** What of that breaks somebody. */
  readonly breaks: readonly Change[];
}

/**
 * Makes a history of snapshots.
 *
 * @param snapshots those of one revision after the other, the oldest first
 * @param remarks what else the reader should know
 *
 * @example
 * ```ts
 * import { historyOf, snapshotOf } from "@events-pipeline/compat";
 * import { WidgetCreated } from "@events-pipeline/common/schemas";
 * import { assertEquals } from "@std/assert";
 *
 * const revision = { commit: "c0ffee", at: "2026-01-31T12:00:00Z", subject: "Begin" };
 * const history = historyOf([
 *   [{ ...revision, revision: "v1" }, snapshotOf([])],
 *   [{ ...revision, revision: "v2" }, snapshotOf([{ WidgetCreated }])],
 * ]);
 * assertEquals(history.events["WidgetCreated"]?.map(({ revision }) => revision), [1]);
 * ```
 */
export function historyOf(
  snapshots: readonly (readonly [Revision, Snapshot])[],
  remarks: readonly string[] = [],
): SchemaHistory {
  const events: Record<string, RecordedForm[]> = {};
  for (const [revision, [, snapshot]] of snapshots.entries()) {
    for (const name of new Set([...Object.keys(events), ...Object.keys(snapshot.events)])) {
      const form = snapshot.events[name] ?? null;
      const known = events[name]?.at(-1)?.form ?? null;
      if (!isSameForm(known, form)) (events[name] ??= []).push({ revision, form });
    }
  }
  return { format: 1, revisions: snapshots.map(([revision]) => revision), events, remarks };
}

/**
 * The versions of an event, the newest first.
 *
 * @param name the event; a former name has a history of its own
 *
 * @example
 * ```ts
 * import { eventVersions, historyOf, snapshotOf } from "@events-pipeline/compat";
 * import { defineEvent } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 * import { z } from "zod";
 *
 * const ShopOpened = defineEvent("ShopOpened", { shop: z.string() });
 * const revision = { revision: "v1", commit: "c0ffee", at: "2026-01-31T12:00:00Z", subject: "Begin" };
 * const [version] = eventVersions(historyOf([[revision, snapshotOf([{ ShopOpened }])]]), "ShopOpened");
 * assertEquals(version?.what, "first seen");
 * assertEquals(version?.fields, [{ path: "shop", old: undefined, new: "text" }]);
 * ```
 */
export function eventVersions(history: SchemaHistory, name: string): readonly EventVersion[] {
  const forms = Object.hasOwn(history.events, name) ? history.events[name]! : [];
  return forms.map(({ revision, form }, i): EventVersion => {
    const before = forms[i - 1]?.form ?? null;
    const snapshot = (of: EventForm | null): Snapshot => ({
      ...{ format: 1, streams: {} },
      events: of === null ? {} : { [name]: of },
    });
    return {
      ...history.revisions[revision]!,
      what: form === null ? "removed" : before !== null ? "changed" : revision === 0 ? "first seen" : "added",
      fields: form === null ? [] : fieldChanges(before ?? undefined, form),
      breaks: before === null ? [] : diffSnapshots(snapshot(before), snapshot(form)),
    };
  }).reverse();
}

/** Whether two forms of an event are one. */
export function isSameForm(a: EventForm | null, b: EventForm | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Reads a history.
 *
 * @param text what `deno task schema-history` has written
 * @throws {TypeError} it is none
 */
export function readSchemaHistory(text: string): SchemaHistory {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (cause) {
    throw new TypeError("Cannot read the history of schemas: it is no JSON", { cause });
  }
  const { format, revisions, events, remarks } = (read ?? {}) as Partial<SchemaHistory>;
  const lists = Object.values(events ?? {});
  if (
    format !== 1 || !Array.isArray(revisions) || !Array.isArray(remarks) ||
    !lists.every((list) => Array.isArray(list)) ||
    !lists.flat().every(({ revision }) => revisions[revision] !== undefined)
  ) {
    throw new TypeError("Cannot read the history of schemas: make it anew with deno task schema-history");
  }
  return read as SchemaHistory;
}
