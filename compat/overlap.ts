import type { TypeForm } from "./normal_form.ts";
import { valueFits } from "./accept_values.ts";

/** Finds the type that a `ref` names. */
export type Resolve = (type: TypeForm) => TypeForm;

/** How deep types are compared; deeper, they are taken to overlap. */
const MAX_DEPTH = 4;

/**
 * Whether no value is of both types. When in doubt, `false`.
 *
 * @param a a type
 * @param b another, perhaps of another revision
 * @param resolveA finds what `a` refers to
 * @param resolveB finds what `b` refers to
 */
export function areDisjoint(a: TypeForm, b: TypeForm, resolveA: Resolve, resolveB: Resolve, depth = 0): boolean {
  if (depth > MAX_DEPTH) return false;
  const again = (x: TypeForm, y: TypeForm): boolean => areDisjoint(x, y, resolveA, resolveB, depth + 1);
  const x = resolveA(a);
  const y = resolveB(b);
  if (x.kind === "never" || y.kind === "never") return true;
  if (x.kind === "codec") return again(x.wire, y);
  if (y.kind === "codec") return again(x, y.wire);
  if (x.kind === "union") return x.branches.every((branch) => again(branch, y));
  if (y.kind === "union") return y.branches.every((branch) => again(x, branch));
  if (x.kind === "intersection") return x.parts.some((part) => again(part, y));
  if (y.kind === "intersection") return y.parts.some((part) => again(x, part));
  if (x.kind === "literal") return x.values.every((value) => valueFits(value, y) === false);
  if (y.kind === "literal") return y.values.every((value) => valueFits(value, x) === false);
  const [jsonX, jsonY] = [jsonType(x), jsonType(y)];
  if (jsonX === undefined || jsonY === undefined) return false;
  if (jsonX !== jsonY) return true;
  if (x.kind !== "object" || y.kind !== "object") return false;
  for (const [name, field] of Object.entries(x.fields)) {
    const other = Object.hasOwn(y.fields, name) ? y.fields[name] : undefined;
    if (other === undefined) {
      if (field.presence === "required" && y.unknown === "refused") return true;
    } else if (field.presence === "required" && other.presence === "required" && again(field.type, other.type)) {
      return true;
    }
  }
  return x.unknown === "refused" &&
    Object.entries(y.fields).some(([name, { presence }]) => presence === "required" && !Object.hasOwn(x.fields, name));
}

function jsonType(type: TypeForm): string | undefined {
  switch (type.kind) {
    case "null":
    case "boolean":
    case "string":
    case "number":
      return type.kind;
    case "array":
    case "tuple":
      return "array";
    case "object":
    case "record":
      return "object";
    default:
      return undefined;
  }
}

/** Whether values of a type are the same in memory as on the wire, apart from fields that are absent. */
export function isPlain(type: TypeForm, resolve: Resolve, seen: Set<TypeForm> = new Set()): boolean {
  const resolved = resolve(type);
  if (seen.has(resolved)) return true;
  seen.add(resolved);
  const all = (types: readonly TypeForm[]): boolean => types.every((part) => isPlain(part, resolve, seen));
  if (resolved.refinements?.some((text) => text.startsWith("rewrites"))) return false;
  switch (resolved.kind) {
    case "codec":
    case "opaque":
      return false;
    case "array":
      return all([resolved.element]);
    case "tuple":
      return all([...resolved.items, ...resolved.rest === undefined ? [] : [resolved.rest]]);
    case "object":
      return resolved.unknown !== "dropped" && all(Object.values(resolved.fields).map((field) => field.type)) &&
        (typeof resolved.unknown === "string" || all([resolved.unknown]));
    case "record":
      return all([resolved.key, resolved.value]);
    case "union":
      return all(resolved.branches);
    case "intersection":
      return all(resolved.parts);
    default:
      return true;
  }
}
