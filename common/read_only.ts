import { isPlain, MAX_DEPTH } from "./json.ts";

function refuse(): never {
  throw new TypeError("Cannot change what an event holds: it is read-only. Make a copy, such as new Date(value)");
}

/** The methods of `Date` that change it. */
const DATE_SETTERS = Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith("set"));

/** A `Date` whose setters throw. For everything else it is a `Date`, its `constructor` included. */
const READ_ONLY_DATE: object = Object.create(
  Date.prototype,
  Object.fromEntries(DATE_SETTERS.map((name) => [name, { value: refuse }])),
);

/** Put on a `URL`, they make its setters throw, and its `searchParams` a copy. On a prototype they would make it unequal to other `URL`s. */
const READ_ONLY_URL: PropertyDescriptorMap = {
  ...Object.fromEntries(
    Object.entries(Object.getOwnPropertyDescriptors(URL.prototype)).flatMap(([name, { get, set }]) =>
      get && set ? [[name, { get, set: refuse }]] : []
    ),
  ),
  searchParams: {
    get(this: URL): URLSearchParams {
      return new URLSearchParams(this.search);
    },
  },
};

/**
 * Freezes what an event holds: plain objects and arrays at every depth; a `Date` or a `URL` by methods that throw. What else a codec made
 * (bytes, a Map, an instance of a class) is left as it is: JavaScript cannot freeze it. On the way, `undefined` properties are taken away and
 * -0 becomes 0, as on the wire, so that an event is equal to what is read back from its JSON.
 *
 * @throws {RangeError} it is nested deeper than 100 levels
 */
export function deepFreeze<T>(value: T): T {
  return freeze(value, 0) as T;
}

function freeze(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth >= MAX_DEPTH) throw new RangeError(`it is nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const element = value[i];
      if (typeof element === "object" && element !== null) freeze(element, depth + 1);
      else if (element === 0 && Object.is(element, -0)) Reflect.set(value, i, 0);
    }
    return Object.freeze(value);
  }
  if (isPlain(value)) {
    const object = value as Record<string, unknown>;
    for (const key in object) {
      const member = object[key];
      if (typeof member === "object" && member !== null) freeze(member, depth + 1);
      else if (member === undefined) Reflect.deleteProperty(object, key);
      else if (member === 0 && Object.is(member, -0)) Reflect.set(object, key, 0);
    }
    return Object.freeze(object);
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Date.prototype) Object.setPrototypeOf(value, READ_ONLY_DATE);
  else if (prototype === URL.prototype) Object.defineProperties(value, READ_ONLY_URL);
  else return value;
  return Object.freeze(value);
}
