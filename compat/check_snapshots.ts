import type { CompatFile, Waiver } from "./compat_file.ts";
import { type Change, diffSnapshots } from "./diff.ts";
import { isTransitive, type Mode, rejectedBy } from "./modes.ts";
import type { Snapshot } from "./normal_form.ts";
import { OVERRIDE_UNUSED, WAIVER_EXPIRED, WAIVER_UNUSED } from "./rules/housekeeping.ts";
import type { Broken, Rule } from "./rules/rule.ts";

/** The snapshot of an older revision. */
export interface OlderSnapshot {
  /** What the report calls it: `origin/main`, `v1.2`. */
  readonly revision: string;
  /** Its events and streams. */
  readonly snapshot: Snapshot;
}

/** What a check goes by. */
export interface CheckOptions {
  /** What must not break, for events that `file` has no other mode for. */
  readonly mode: Mode;
  /** What `compat.json` says. */
  readonly file: CompatFile;
  /** The day of the check: `2026-01-31`. */
  readonly today: string;
  /** Older revisions, which only transitive modes look at. @default none */
  readonly history?: readonly OlderSnapshot[];
}

/** One thing that the checker has found. */
export interface Finding {
  /** The rule that it falls under. */
  readonly rule: Rule;
  /** `breaking` rejects the change; `waived` would, had it not been agreed on; `note` explains what may happen. */
  readonly severity: "breaking" | "waived" | "note";
  /** The event that it is about. */
  readonly event?: string;
  /** The stream that it is about. */
  readonly stream?: string;
  /** Where in the payload. Empty: the whole. */
  readonly path: string;
  /** What it was, in words. */
  readonly old: string;
  /** What it is now, in words. */
  readonly new: string;
  /** Whom it breaks, of those that the rule speaks of. */
  readonly breaks: readonly Broken[];
  /** Why it breaks, and for whom, one sentence each. */
  readonly why: readonly string[];
  /** The waiver. */
  readonly waiver?: Waiver;
  /** The revisions that it was found against. */
  readonly against: readonly string[];
}

/**
 * Checks a snapshot against an older one.
 *
 * @param base the older one
 * @param now the newer one
 *
 * @example
 * ```ts
 * import { checkSnapshots, readCompatFile, snapshotOf } from "@events-pipeline/compat";
 * import { defineEvent } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 * import { z } from "zod";
 *
 * const old = snapshotOf([{ DoorOpened: defineEvent("DoorOpened", { door: z.string() }) }]);
 * const findings = checkSnapshots({ revision: "main", snapshot: old }, snapshotOf([]), {
 *   mode: "additive",
 *   file: readCompatFile("{}"),
 *   today: "2026-01-31",
 * });
 * assertEquals(findings.map(({ rule, severity, event }) => [rule.id, severity, event]), [
 *   ["event-removed", "breaking", "DoorOpened"],
 * ]);
 * ```
 */
export function checkSnapshots(base: OlderSnapshot, now: Snapshot, options: CheckOptions): readonly Finding[] {
  const { file } = options;
  const modeOf = (change: Change): Mode =>
    "event" in change.subject ? overrideOf(file, change.subject.event) ?? options.mode : options.mode;
  const findings = new Map<string, Finding>();
  const compare = ({ revision, snapshot }: OlderSnapshot, takes: (mode: Mode) => boolean): void => {
    for (const change of diffSnapshots(snapshot, now)) {
      const mode = modeOf(change);
      if (takes(mode)) addFinding(findings, change, mode, revision);
    }
  };
  compare(base, (mode) => mode !== "none");
  for (const older of options.history ?? []) compare(older, isTransitive);
  const known = new Set([base, ...options.history ?? []].flatMap(({ snapshot }) => Object.keys(snapshot.events)));
  const strangers = Object.keys(file.events).filter((event) => !known.has(event) && !Object.hasOwn(now.events, event));
  return [
    ...applyWaivers([...findings.values()].sort(byPlace), file.waivers, options.today),
    ...strangers.map((event) =>
      housekeeping(OVERRIDE_UNUSED, { event, path: "" }, `mode ${file.events[event]!.mode}`, "no such event")
    ),
  ];
}

function overrideOf(file: CompatFile, event: string): Mode | undefined {
  return Object.hasOwn(file.events, event) ? file.events[event]!.mode : undefined;
}

function addFinding(findings: Map<string, Finding>, change: Change, mode: Mode, revision: string): void {
  const rejected = change.breaks.filter((broken) => rejectedBy(mode).includes(broken));
  // Who breaks no rule of the mode may still want to know whom it will meet; a habit is no such thing.
  const told = rejected.length > 0 ? rejected : change.breaks.filter((broken) => broken !== "additive");
  if (told.length === 0) return;
  const { rule, subject, path, old, new: now } = change;
  const key = JSON.stringify([rule.id, subject, path, old, now]);
  const known = findings.get(key);
  const why = told.flatMap((broken) => rule.why[broken] ?? []);
  findings.set(key, {
    ...{ rule, ...subject, path, old, new: now, breaks: change.breaks, why },
    severity: rejected.length > 0 ? "breaking" : "note",
    against: [...known?.against ?? [], revision],
  });
}

function byPlace(a: Finding, b: Finding): number {
  const place = ({ event, stream, path, rule }: Finding): string =>
    [event ?? "", stream ?? "", path, rule.id].join("\0");
  return place(a) < place(b) ? -1 : 1;
}

function applyWaivers(findings: readonly Finding[], waivers: readonly Waiver[], today: string): readonly Finding[] {
  const used = new Set<Waiver>();
  const judged = findings.map((finding): Finding => {
    if (finding.severity !== "breaking") return finding;
    const waiver = waivers.find((candidate) => fits(candidate, finding));
    if (waiver === undefined) return finding;
    used.add(waiver);
    return isExpired(waiver, today) ? finding : { ...finding, severity: "waived", waiver };
  });
  const faults = waivers.flatMap((waiver): Finding[] => {
    const words = `${waiver.rule}, agreed on ${waiver.date}${
      waiver.until === undefined ? "" : ` until ${waiver.until}`
    }`;
    if (isExpired(waiver, today)) return [housekeeping(WAIVER_EXPIRED, waiver, words, `today is ${today}`)];
    return used.has(waiver) ? [] : [housekeeping(WAIVER_UNUSED, waiver, words, "nothing that it fits")];
  });
  return [...judged, ...faults];
}

function fits(waiver: Waiver, finding: Finding): boolean {
  return waiver.rule === finding.rule.id && waiver.event === finding.event && waiver.stream === finding.stream &&
    waiver.path === finding.path;
}

function isExpired({ until }: Waiver, today: string): boolean {
  return until !== undefined && until < today;
}

function housekeeping(rule: Rule, place: Pick<Waiver, "event" | "stream" | "path">, old: string, now: string): Finding {
  return {
    rule,
    severity: "breaking",
    ...(place.event === undefined ? {} : { event: place.event }),
    ...(place.stream === undefined ? {} : { stream: place.stream }),
    path: place.path,
    old,
    new: now,
    breaks: [],
    why: Object.values(rule.why),
    against: [],
  };
}
