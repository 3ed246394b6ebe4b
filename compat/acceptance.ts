import { compareCodecs } from "./accept_codecs.ts";
import { compareCollections } from "./accept_collections.ts";
import { compareUnions } from "./accept_unions.ts";
import { compareNumbers, compareStrings, isTighter, valueFits } from "./accept_values.ts";
import { describeType } from "./describe.ts";
import type { EventForm, TypeForm } from "./normal_form.ts";
import type { Resolve } from "./overlap.ts";
import type { Obstacle, Rule } from "./rules/rule.ts";
import { ENUM_MEMBER, LITERAL, NULLABLE, TYPE, UNION_BRANCH, UNKNOWN_TYPE } from "./rules/types.ts";
import { BOUND, REFINEMENT } from "./rules/values.ts";

/** A reason for which a reader refuses, or reads wrongly, what a writer sends. */
export interface Refusal {
  /** What kind of reason. */
  readonly obstacle: Obstacle;
  /** Where: `lines[].price`. */
  readonly path: string;
  /** What the writer sends, in words. */
  readonly writer: string;
  /** What the reader takes, in words. */
  readonly reader: string;
}

/** A change that a reader survives, and that is against the habit of adding only. */
export interface Habit {
  /** The rule that it is against. */
  readonly rule: Rule;
  /** Where. */
  readonly path: string;
  /** What the writer sends, in words. */
  readonly writer: string;
  /** What the reader takes, in words. */
  readonly reader: string;
}

/** What came of a comparison. */
export interface Comparison {
  /** Why the reader refuses what the writer sends. None: it takes all of it, and reads it as it was meant. */
  readonly refusals: readonly Refusal[];
  /** What is against the habit of adding only, if the reader is the new one. */
  readonly habits: readonly Habit[];
}

/** One comparison under way. */
export interface Context {
  /** Finds what a type of the writer refers to. */
  readonly writer: Resolve;
  /** Finds what a type of the reader refers to. */
  readonly reader: Resolve;
  /** Compares two types inside, and reports what it finds. */
  compare(writer: TypeForm, reader: TypeForm, path: string, insideUnion?: boolean): void;
  /** Compares two types inside, and reports nothing. */
  attempt(writer: TypeForm, reader: TypeForm, path: string): Comparison;
  /** Reports a refusal. */
  refuse(obstacle: Obstacle, path: string, writer: string, reader: string): void;
  /** Reports what is against the habit of adding only. */
  remark(rule: Rule, path: string, writer: string, reader: string): void;
  /** Takes over what an attempt has found. */
  adopt(comparison: Comparison): void;
}

/**
 * Whether a reader takes all that a writer may send, and reads it as it was meant.
 *
 * A writer is taken to send only fields that its schema names: a field that a later schema adds cannot be in its events, though every
 * object keeps unknown fields. (Otherwise no field could ever be added.) Recursive types are compared by assuming that a pair that is
 * being compared already is right; where it is not, that is found once.
 */
export function compareTypes(writer: EventForm, reader: EventForm): Comparison {
  const resolveWriter = resolver(writer);
  const resolveReader = resolver(reader);
  const open = new Map<TypeForm, Set<TypeForm>>();
  const run = (w: TypeForm, r: TypeForm, path: string, insideUnion: boolean): Comparison => {
    const refusals: Refusal[] = [];
    const habits: Habit[] = [];
    const [a, b] = [resolveWriter(w), resolveReader(r)];
    const opposite = open.get(a) ?? new Set();
    open.set(a, opposite);
    if (opposite.has(b)) return { refusals, habits };
    opposite.add(b);
    const context: Context = {
      writer: resolveWriter,
      reader: resolveReader,
      compare: (w, r, path, inside = false) => context.adopt(run(w, r, path, inside)),
      attempt: (w, r, path) => run(w, r, path, true),
      refuse: (obstacle, path, writer, reader) => void refusals.push({ obstacle, path, writer, reader }),
      remark: (rule, path, writer, reader) => void habits.push({ rule, path, writer, reader }),
      adopt: (comparison) => {
        refusals.push(...comparison.refusals);
        habits.push(...comparison.habits);
      },
    };
    compareResolved(context, a, b, path, insideUnion);
    opposite.delete(b);
    return { refusals, habits };
  };
  return run(writer.payload, reader.payload, "", false);
}

function compareResolved(
  context: Context,
  writer: TypeForm,
  reader: TypeForm,
  path: string,
  insideUnion: boolean,
): void {
  if (writer.kind === "never") return;
  const added = reader.refinements?.filter((text) => !isRefined(writer, text)) ?? [];
  if (added.length > 0) {
    const words = (type: TypeForm): string =>
      type.refinements?.map((text) => text.slice(0, 80)).join(" and ") ?? "no such check";
    context.refuse(REFINEMENT, path, words(writer), words(reader));
  }
  if (reader.kind === "any") return;
  if (writer.kind === "union" || reader.kind === "union") {
    return compareUnions(context, writer, reader, path, insideUnion);
  }
  if (reader.kind === "intersection") {
    for (const part of reader.parts) context.compare(writer, part, path, insideUnion);
    return;
  }
  if (writer.kind === "intersection") {
    const parts = writer.parts.map((part) => context.attempt(part, reader, path));
    return context.adopt(parts.reduce((a, b) => b.refusals.length < a.refusals.length ? b : a));
  }
  if (writer.kind === "codec" || reader.kind === "codec") {
    return compareCodecs(context, writer, reader, path, insideUnion);
  }
  if (writer.kind === "literal") return compareLiteral(context, writer.values, reader, path, insideUnion);
  if (writer.kind === "boolean" && reader.kind === "literal") {
    return compareLiteral(context, [true, false], reader, path, insideUnion);
  }
  if (writer.kind === "null") {
    if (valueFits(null, reader) === true) return;
    return context.refuse(insideUnion ? NULLABLE : TYPE, path, "null", describeType(reader));
  }
  if (writer.kind === "opaque" && reader.kind === "opaque") {
    const same = writer.name === reader.name && writer.source === reader.source;
    if (!same) context.refuse(UNKNOWN_TYPE, path, describeType(writer), describeType(reader));
    else if (isTighter(writer.bounds, reader.bounds)) {
      context.refuse(BOUND, path, describeType(writer), describeType(reader));
    }
    return;
  }
  if (writer.kind === "string" && reader.kind === "string") {
    return compareStrings(writer, reader, (obstacle, w, r) => context.refuse(obstacle, path, w, r));
  }
  if (writer.kind === "number" && reader.kind === "number") {
    return compareNumbers(writer, reader, (obstacle, w, r) => context.refuse(obstacle, path, w, r));
  }
  if (writer.kind === "boolean" && reader.kind === "boolean") return;
  if (compareCollections(context, writer, reader, path)) return;
  context.refuse(insideUnion ? UNION_BRANCH : TYPE, path, describeType(writer), describeType(reader));
}

function isRefined(type: TypeForm, text: string): boolean {
  if (type.refinements?.includes(text)) return true;
  return type.kind === "union" && type.branches.every((branch) => branch.refinements?.includes(text));
}

function compareLiteral(
  context: Context,
  values: readonly (null | boolean | number | string)[],
  reader: TypeForm,
  path: string,
  insideUnion: boolean,
): void {
  const refused = values.filter((value) => valueFits(value, reader) !== true);
  if (refused.length === 0) return;
  const words = refused.map((value) => JSON.stringify(value)).join(", ");
  if (reader.kind === "literal") {
    const obstacle = values.length === 1 && reader.values.length === 1 ? LITERAL : ENUM_MEMBER;
    return context.refuse(obstacle, path, words, describeType(reader));
  }
  const types: readonly string[] = refused.map((value) => typeof value);
  const sameType = types.includes(reader.kind);
  context.refuse(sameType ? ENUM_MEMBER : insideUnion ? UNION_BRANCH : TYPE, path, words, describeType(reader));
}

/** Follows references of one event's form. A reference with checks of its own is made one type, once. */
function resolver({ definitions }: EventForm): Resolve {
  const made = new Map<TypeForm, TypeForm>();
  const resolve = (type: TypeForm): TypeForm => {
    if (type.kind !== "ref") return type;
    const known = made.get(type);
    if (known !== undefined) return known;
    const target = Object.hasOwn(definitions, type.to) ? definitions[type.to]! : { kind: "never" } as const;
    const found = target.kind === "ref" ? resolve(target) : target;
    const resolved = type.refinements === undefined
      ? found
      : { ...found, refinements: [...found.refinements ?? [], ...type.refinements] };
    made.set(type, resolved);
    return resolved;
  };
  return resolve;
}
