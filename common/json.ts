/** How deep a payload may nest. Guards the recursion, and turns a cycle into a clear error. */
const MAX_DEPTH = 100;

/**
 * Encodes a value as JSON text, refusing what JSON would silently lose or change: `NaN`, infinities, bigint, functions,
 * symbols, class instances (Date, Map, …), `undefined` inside an array, cycles. A property that is `undefined` is left out.
 *
 * @param value the value to encode
 * @returns JSON text
 * @throws {TypeError} the value, or one inside it, cannot be carried by JSON; the message names its path
 *
 * @example
 * ```ts
 * import { encodeJson } from "@events-pipeline/common";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(encodeJson({ id: 1, note: undefined }), '{"id":1}');
 * assertThrows(() => encodeJson({ when: new Date() }), TypeError, "$.when");
 * ```
 */
export function encodeJson(value: unknown): string {
  assertJson(value, "$", 0);
  return JSON.stringify(value);
}

function assertJson(value: unknown, path: string, depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new TypeError(`Cannot encode ${path.slice(0, 60)}… as JSON: it is nested deeper than ${MAX_DEPTH} levels`);
  }
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`Cannot encode ${path} as JSON: ${value} is not a JSON number`);
      return;
    case "object":
      break;
    default:
      throw new TypeError(`Cannot encode ${path} as JSON: it is a ${typeof value}`);
  }
  if (value === null) return;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertJson(value[i], `${path}[${i}]`, depth + 1);
    return;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(
      `Cannot encode ${path} as JSON: it is an instance of ${prototype.constructor?.name ?? "a class"}`,
    );
  }
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) assertJson(member, `${path}.${key}`, depth + 1);
  }
}
