import { boundsWords, describeType } from "./describe.ts";
import type { EventForm, TypeForm } from "./normal_form.ts";

/** What became of a field. */
export interface FieldChange {
  /** Where it is: `lines[].price`. */
  readonly path: string;
  /** What it was, in words; `undefined` when it was not there. */
  readonly old: string | undefined;
  /** What it is, in words; `undefined` when it is gone. */
  readonly new: string | undefined;
}

/** Which fields of an event were added, changed and removed. What words do not tell apart, such as program code, is left out. */
export function fieldChanges(old: EventForm | undefined, now: EventForm): readonly FieldChange[] {
  const [was, is] = [old, now].map((form) => new Map(form === undefined ? [] : fieldsIn(form.payload, "")));
  return [...new Set([...is!.keys(), ...was!.keys()])]
    .map((path) => ({ path, old: was!.get(path), new: is!.get(path) }))
    .filter((change) => change.old !== change.new);
}

const PRESENCE = { required: "", optional: ", optional", default: ", optional with a default", notSet: ", notSet" };

/** Every field at every depth. A type that contains itself ends where it does. */
function* fieldsIn(type: TypeForm, path: string): Generator<readonly [path: string, words: string]> {
  switch (type.kind) {
    case "object":
      for (const [name, field] of Object.entries(type.fields)) {
        const inside = path === "" ? name : `${path}.${name}`;
        yield [inside, shellWords(field.type) + PRESENCE[field.presence]];
        yield* fieldsIn(field.type, inside);
      }
      return;
    case "array":
      return yield* fieldsIn(type.element, `${path}[]`);
    case "record":
      return yield* fieldsIn(type.value, `${path}.*`);
    case "tuple":
      for (const [i, item] of type.items.entries()) yield* fieldsIn(item, `${path}[${i}]`);
      return;
    case "union":
      for (const branch of type.branches) yield* fieldsIn(branch, `${path}{${branchName(branch, type.branches)}}`);
      return;
    case "intersection":
      for (const part of type.parts) yield* fieldsIn(part, path);
      return;
    case "codec":
      yield* fieldsIn(type.wire, path);
  }
}

/** A type in words, without the fields inside: those are told on their own. */
function shellWords(type: TypeForm): string {
  switch (type.kind) {
    case "object":
      return "object";
    case "array":
      return `list${boundsWords(type.length, " of ", " item")} of ${shellWords(type.element)}`;
    case "record":
      return `record of ${shellWords(type.value)}`;
    case "union":
      return [...new Set(type.branches.map(shellWords))].join(" or ");
    default:
      return describeType(type);
  }
}

/** A branch is named after the literal that only it has; else after its place. */
function branchName(branch: TypeForm, branches: readonly TypeForm[]): string {
  if (branch.kind === "object") {
    for (const { type } of Object.values(branch.fields)) {
      if (type.kind === "literal" && type.values.length === 1) return String(type.values[0]);
    }
  }
  return String(branches.indexOf(branch) + 1);
}
