import { compareTypes } from "./acceptance.ts";
import type { EventForm, Snapshot } from "./normal_form.ts";
import { ALIAS_REMOVED, EVENT_REMOVED, EVENT_RENAMED } from "./rules/events.ts";
import type { Broken, Rule } from "./rules/rule.ts";
import { STREAM_REMOVED, STREAM_RENAMED } from "./rules/streams.ts";

/** A change between two snapshots that breaks somebody. */
export interface Change {
  /** The rule that it falls under. */
  readonly rule: Rule;
  /** The event or the stream that it is about. */
  readonly subject: { readonly event: string } | { readonly stream: string };
  /** Where in the payload: `lines[].price`. Empty: the whole. */
  readonly path: string;
  /** What it was, in words. */
  readonly old: string;
  /** What it is now, in words. */
  readonly new: string;
  /** Whom it breaks. */
  readonly breaks: readonly Broken[];
}

/**
 * Finds every change that breaks somebody.
 *
 * @param old the snapshot of the older revision
 * @param now the snapshot of the newer one
 */
export function diffSnapshots(old: Snapshot, now: Snapshot): readonly Change[] {
  const changes: Change[] = [];
  for (const [event, form] of Object.entries(old.events)) {
    const other = own(now.events, event);
    if (other !== undefined) changes.push(...diffEvent(event, form, other));
    else changes.push(...diffMissing(event, form, old, now));
    changes.push(...aliasesGone(event, form, now));
  }
  for (const [key, stream] of Object.entries(old.streams)) {
    if (!Object.values(now.streams).includes(stream)) changes.push(streamGone(key, stream, old, now));
  }
  return changes;
}

function own<T>(record: { readonly [key: string]: T }, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function diffEvent(event: string, old: EventForm, now: EventForm): readonly Change[] {
  if (JSON.stringify(old) === JSON.stringify(now)) return [];
  const backward = compareTypes(old, now);
  const forward = compareTypes(now, old);
  const subject = { event };
  const changes = new Map<string, Change>();
  const add = (rule: Rule, path: string, was: string, is: string, broken: Broken): void => {
    const key = `${rule.id} ${path}`;
    const known = changes.get(key);
    const breaks = [...new Set([...known?.breaks ?? [], broken])];
    changes.set(key, { rule, subject, path, old: known?.old ?? was, new: known?.new ?? is, breaks });
  };
  for (const { obstacle, path, writer, reader } of backward.refusals) {
    add(obstacle.backward, path, writer, reader, "backward");
  }
  for (const { rule, path, writer, reader } of backward.habits) {
    add(rule, path, writer, reader, "additive");
  }
  for (const { obstacle, path, writer, reader } of forward.refusals) {
    add(obstacle.forward, path, reader, writer, "forward");
  }
  return [...changes.values()].sort((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
}

/** An event that is not there under its name: another one may have it as an alias. */
function diffMissing(event: string, form: EventForm, old: Snapshot, now: Snapshot): readonly Change[] {
  const heir = Object.entries(now.events).find(([, { aliases }]) => aliases.includes(event));
  if (heir === undefined) return [eventGone(event, form, old, now)];
  const renamed: Change = {
    ...{ rule: EVENT_RENAMED, subject: { event }, path: "", old: `'${event}'` },
    new: `'${heir[0]}', which has it as an alias`,
    breaks: ["forward"],
  };
  return [renamed, ...diffEvent(event, form, heir[1])];
}

function aliasesGone(event: string, form: EventForm, now: Snapshot): readonly Change[] {
  const read = Object.entries(now.events).flatMap(([name, { aliases }]) => [name, ...aliases]);
  return form.aliases.filter((alias) => !read.includes(alias)).map((alias): Change => ({
    ...{ rule: ALIAS_REMOVED, subject: { event }, path: "", old: `alias '${alias}'`, new: "no such alias" },
    breaks: ["backward"],
  }));
}

function eventGone(event: string, form: EventForm, old: Snapshot, now: Snapshot): Change {
  const text = JSON.stringify({ ...form, aliases: [] });
  const heirs = Object.entries(now.events).filter(([name, other]) =>
    !Object.hasOwn(old.events, name) && JSON.stringify({ ...other, aliases: [] }) === text
  );
  const [heir] = heirs.length === 1 ? heirs : [];
  return {
    rule: heir === undefined ? EVENT_REMOVED : EVENT_RENAMED,
    subject: { event },
    path: "",
    old: `'${event}'`,
    new: heir === undefined ? "no such event" : `'${heir[0]}', with the same fields`,
    breaks: ["backward", "forward", "additive"],
  };
}

function streamGone(key: string, stream: string, old: Snapshot, now: Snapshot): Change {
  const gone = Object.values(old.streams).filter((name) => !Object.values(now.streams).includes(name));
  const added = Object.values(now.streams).filter((name) => !Object.values(old.streams).includes(name));
  const heir = own(now.streams, key) ?? (gone.length === 1 && added.length === 1 ? added[0] : undefined);
  return {
    rule: heir === undefined ? STREAM_REMOVED : STREAM_RENAMED,
    subject: { stream },
    path: "",
    old: `'${stream}'`,
    new: heir === undefined ? "no such stream" : `'${heir}'`,
    breaks: ["backward", "forward", "additive"],
  };
}
