import type { Context } from "./acceptance.ts";
import { describeType } from "./describe.ts";
import type { TypeForm } from "./normal_form.ts";
import { areDisjoint, isPlain } from "./overlap.ts";
import { UNION_MEANING } from "./rules/meaning.ts";
import { ENUM_MEMBER, NULLABLE, TYPE, UNION_BRANCH } from "./rules/types.ts";

/** Compares two types of which one at least is a union: each branch of the writer must be taken by one of the reader. */
export function compareUnions(
  context: Context,
  writer: TypeForm,
  reader: TypeForm,
  path: string,
  insideUnion: boolean,
): void {
  const sent = writer.kind === "union" ? writer.branches : [writer];
  const branches = writer.kind === "union" && writer.refinements === undefined ? sent : sent.map((branch) => ({
    ...branch,
    ...(writer.refinements === undefined || branch === writer
      ? {}
      : { refinements: [...branch.refinements ?? [], ...writer.refinements] }),
  }));
  // A type and null are a type that may be null: what becomes of the type is no branch that comes or goes.
  const inside = insideUnion || branches.filter((branch) => !isNull(context, branch)).length > 1;
  if (reader.kind !== "union") {
    for (const branch of branches) {
      const at = branchPath(context, branch, branches, path);
      context.compare(branch, reader, at, inside || isNull(context, branch) && branches.length > 1);
    }
    return;
  }
  const matches = branches.map((branch) => {
    const at = branchPath(context, branch, branches, path);
    return matchBranch(context, branch, reader.branches, at, inside);
  });
  if (matches.some((match) => match < 0)) return;
  branches.forEach((branch, k) => {
    const rival = rivalOf(context, branches, matches, reader, k);
    if (rival === undefined) return;
    const at = branchPath(context, branch, branches, path);
    context.refuse(UNION_MEANING, at, describeType(branch), `${describeType(rival)} may take it`);
  });
}

function isNull(context: Context, branch: TypeForm): boolean {
  return context.writer(branch).kind === "null";
}

/** Finds the first branch that takes all of a type, and reports why none does. @returns its index, or -1 */
function matchBranch(
  context: Context,
  sent: TypeForm,
  branches: readonly TypeForm[],
  path: string,
  insideUnion: boolean,
): number {
  const writer = context.writer(sent);
  if (writer.kind === "literal" && writer.values.length > 1) {
    // Each value may be taken by another branch.
    const takers = writer.values.map((value) => {
      const one: TypeForm = { ...writer, values: [value] };
      return branches.findIndex((branch) => context.attempt(one, branch, path).refusals.length === 0);
    });
    const refused = writer.values.filter((_, i) => takers[i]! < 0);
    if (refused.length === 0) return Math.max(...takers);
    context.refuse(
      ENUM_MEMBER,
      path,
      refused.map((value) => JSON.stringify(value)).join(", "),
      describeUnion(branches),
    );
    return -1;
  }
  // Branches that have no value in common are not tried: with unions inside unions, the tries would multiply.
  const tries = branches.map((branch) =>
    areDisjoint(writer, branch, context.writer, context.reader) ? undefined : context.attempt(sent, branch, path)
  );
  const first = tries.findIndex((attempt) => attempt?.refusals.length === 0);
  if (first >= 0) {
    const taken = tries.flatMap((attempt) => attempt?.refusals.length === 0 ? [attempt] : []);
    context.adopt(taken.reduce((a, b) => b.habits.length < a.habits.length ? b : a));
    return first;
  }
  const alike = tries.filter((attempt) => attempt !== undefined);
  if (alike.length === 1) context.adopt(alike[0]!);
  else if (writer.kind === "null") context.refuse(NULLABLE, path, "null", describeUnion(branches));
  else if (writer.kind === "literal" && branches.some((branch) => context.reader(branch).kind === "literal")) {
    context.refuse(ENUM_MEMBER, path, describeType(writer), describeUnion(branches));
  } else {
    const similar = sameKind(context, writer, branches);
    if (similar.length === 1 && !insideUnion) context.adopt(context.attempt(sent, branches[similar[0]!]!, path));
    else context.refuse(insideUnion ? UNION_BRANCH : TYPE, path, describeType(writer), describeUnion(branches));
  }
  return -1;
}

function sameKind(context: Context, writer: TypeForm, branches: readonly TypeForm[]): readonly number[] {
  return branches.flatMap((branch, i) => context.reader(branch).kind === writer.kind ? [i] : []);
}

function describeUnion(branches: readonly TypeForm[]): string {
  return describeType({ kind: "union", branches, exclusive: false });
}

/**
 * Finds a branch of the reader that may take values of a branch of the writer before, and reads them as something else than the
 * writer meant.
 */
function rivalOf(
  context: Context,
  branches: readonly TypeForm[],
  matches: readonly number[],
  reader: Extract<TypeForm, { readonly kind: "union" }>,
  k: number,
): TypeForm | undefined {
  const branch = branches[k]!;
  return reader.branches.find((rival, i) => {
    if (i === matches[k] || (i > matches[k]! && !reader.exclusive)) return false;
    if (areDisjoint(branch, rival, context.writer, context.reader)) return false;
    if (reader.exclusive) {
      return !branches.some((other, j) => j !== k && matches[j] === i && isNoWider(context, rival, other));
    }
    if (isPlain(branch, context.writer) && isPlain(rival, context.reader)) return false;
    // It took them before as well, if it stood before it and has not become wider.
    return !branches.some((earlier, j) => j < k && matches[j] === i && isNoWider(context, rival, earlier));
  });
}

/** Whether a type of the reader takes no more than one of the writer: the two must be the same, with no reference inside. */
function isNoWider(context: Context, reader: TypeForm, writer: TypeForm): boolean {
  const text = JSON.stringify(context.reader(reader));
  return text === JSON.stringify(context.writer(writer)) && !text.includes('{"kind":"ref"');
}

/** The path of a branch: `shape{circle}`, named by a literal field of it, else by its kind. */
function branchPath(context: Context, branch: TypeForm, branches: readonly TypeForm[], path: string): string {
  const objects = branches.filter((other) => context.writer(other).kind === "object");
  const resolved = context.writer(branch);
  if (resolved.kind !== "object" || objects.length < 2) return path;
  for (const { type } of Object.values(resolved.fields)) {
    const literal = context.writer(type);
    if (literal.kind === "literal" && literal.values.length === 1) return `${path}{${literal.values[0]}}`;
  }
  return `${path}{${objects.findIndex((other) => context.writer(other) === resolved) + 1}}`;
}
