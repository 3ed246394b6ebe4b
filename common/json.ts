/** How deep a payload may nest. Guards the recursion, and turns a cycle into a clear error. */
export const MAX_DEPTH = 100;

/** What JSON cannot carry: where it is, and what it is. */
export interface JsonFault {
  /** The keys and indexes that lead to it. */
  readonly path: (string | number)[];
  /** What is wrong there. */
  readonly message: string;
}

/** Keys that would set a prototype where an object is copied carelessly. */
const FORBIDDEN_KEY = "__proto__";

/**
 * Encodes a value as canonical JSON text: no white space, and the keys of each object sorted by their UTF-16 code units, as RFC 8785 (JCS)
 * has it. So equal values give equal text, in whatever order their keys were written. Refuses what JSON would silently lose or change:
 * `NaN`, infinities, bigint, functions, symbols, class instances (Date, Map, …), `undefined` inside an array, cycles. A property that is
 * `undefined` is left out.
 *
 * One thing is not of RFC 8785: a lone surrogate is not an error. It is written as an escape, `\ud800`, and comes back as it was.
 *
 * @param value the value to encode
 * @returns JSON text
 * @throws {TypeError} the value, or one inside it, cannot be carried by JSON, or it nests deeper than 100 levels; the message names the path
 *
 * @example
 * ```ts
 * import { encodeJson } from "@events-pipeline/common";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(encodeJson({ id: 1, at: [true], note: undefined }), '{"at":[true],"id":1}');
 * assertThrows(() => encodeJson({ when: new Date() }), TypeError, "$.when");
 * ```
 */
export function encodeJson(value: unknown): string {
  const text = write(value, 0);
  if (text !== undefined) return text;
  const { fault } = copyJson(value);
  throw new TypeError(`Cannot encode ${pathText("$", fault?.path ?? [])} as JSON: ${fault?.message ?? "it changed"}`);
}

/** A path as text, such as `payload.lines[0].sku`, cut where it is too long to read. */
export function pathText(root: string, path: readonly PropertyKey[]): string {
  let text = root;
  for (const key of path) {
    text += typeof key === "number" ? `[${key}]` : `.${String(key)}`;
    if (text.length > 200) return `${text.slice(0, 200)}…`;
  }
  return text;
}

/** Copies a JSON value, without the properties that are `undefined`, or says what is wrong with it. */
export function copyJson(value: unknown): { readonly value?: unknown; readonly fault?: JsonFault } {
  try {
    return { value: copy(value, 0) };
  } catch (error) {
    if (!(error instanceof FaultFound)) throw error;
    return { fault: { path: error.path, message: error.message } };
  }
}

class FaultFound extends Error {
  readonly path: (string | number)[] = [];
}

function copy(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw new FaultFound(`${value} is not a JSON number`);
      return value === 0 ? 0 : value; // JSON text has no -0 that lasts.
    case "object":
      break;
    default:
      throw new FaultFound(`it is a ${typeof value}`);
  }
  if (value === null) return null;
  if (depth >= MAX_DEPTH) throw new FaultFound(`it is nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    const array = new Array(value.length);
    for (let i = 0; i < array.length; i++) array[i] = within(i, value[i], depth);
    return array;
  }
  if (!isPlain(value)) throw new FaultFound(`it is an instance of ${className(value)}`);
  const object: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key];
    if (member !== undefined) object[key] = within(key, member, depth);
  }
  return object;
}

function within(key: string | number, value: unknown, depth: number): unknown {
  try {
    if (key === FORBIDDEN_KEY) throw new FaultFound("no field may have this name");
    return copy(value, depth + 1);
  } catch (error) {
    if (error instanceof FaultFound) error.path.unshift(key);
    throw error;
  }
}

/**
 * Looks for what must not come near a schema: nesting without end, which would exhaust the stack, and keys named `__proto__`. What is in
 * class instances is not looked at.
 */
export function structureFault(value: unknown): JsonFault | undefined {
  if (isSound(value, 0)) return undefined;
  const path: (string | number)[] = [];
  for (let at: unknown = value;;) {
    if (path.length >= MAX_DEPTH) return { path, message: `it is nested deeper than ${MAX_DEPTH} levels` };
    const members = Array.isArray(at) ? [...at.entries()] : Object.entries(at as object);
    const bad = members.find(([key, member]) => key === FORBIDDEN_KEY || !isSound(member, path.length + 1));
    if (bad === undefined) return { path, message: "it changed while it was read" };
    path.push(bad[0]);
    if (bad[0] === FORBIDDEN_KEY) return { path, message: "no field may have this name" };
    at = bad[1];
  }
}

function isSound(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isSound(value[i], depth + 1)) return false;
    return true;
  }
  if (!isPlain(value)) return true;
  if (Object.hasOwn(value, FORBIDDEN_KEY)) return false;
  for (const key in value) {
    if (!isSound((value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  return true;
}

/** The text of a value, or nothing if JSON cannot carry it. */
function write(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "boolean":
      return value ? "true" : "false";
    case "number":
      return Number.isFinite(value) ? String(value) : undefined;
    case "object":
      break;
    default:
      return undefined;
  }
  if (value === null) return "null";
  if (depth >= MAX_DEPTH) return undefined;
  if (Array.isArray(value)) return writeArray(value, depth);
  return isPlain(value) ? writeObject(value as Record<string, unknown>, depth) : undefined;
}

function writeArray(array: readonly unknown[], depth: number): string | undefined {
  let text = "";
  for (let i = 0; i < array.length; i++) {
    const element = write(array[i], depth + 1);
    if (element === undefined) return undefined;
    text += i === 0 ? element : `,${element}`;
  }
  return `[${text}]`;
}

function writeObject(object: Readonly<Record<string, unknown>>, depth: number): string | undefined {
  let text = "";
  for (const key of sortedKeys(object)) {
    const member = object[key];
    if (member === undefined) continue;
    const written = write(member, depth + 1);
    if (written === undefined || key === FORBIDDEN_KEY) return undefined;
    text += text === "" ? `${quote(key)}:${written}` : `,${quote(key)}:${written}`;
  }
  return `{${text}}`;
}

/** As `JSON.stringify`, and sooner done with the short texts that most are. */
function quote(text: string): string {
  if (text.length > 50) return JSON.stringify(text);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || (unit >= 0xd800 && unit <= 0xdfff)) {
      return JSON.stringify(text);
    }
  }
  return `"${text}"`;
}

function sortedKeys(object: object): string[] {
  const keys = Object.keys(object);
  for (let i = 1; i < keys.length; i++) if (keys[i - 1]! > keys[i]!) return keys.sort();
  return keys;
}

/** Whether a value is an object as JSON has it: of no class. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function className(value: object): string {
  return (Object.getPrototypeOf(value) as { constructor?: { name?: string } }).constructor?.name || "a class";
}
