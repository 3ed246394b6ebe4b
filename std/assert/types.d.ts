/**
 * Types of `@std/assert` 1.0 for the JavaScript that `mod.ts` re-exports. Every assertion throws
 * {@linkcode AssertionError} when it does not hold; `msg` is added to its message.
 *
 * @module
 */

// Without this line every declaration below would be exported, exported or not.
export {};

/** What every failed assertion throws. */
export declare class AssertionError extends Error {
  /** Makes the error; `options.cause` is kept. */
  constructor(message: string, options?: ErrorOptions);
}

/** A class that can be instantiated. */
// deno-lint-ignore no-explicit-any
export type AnyConstructor = new (...args: any[]) => any;

/** What a class makes. */
export type GetConstructorType<T extends AnyConstructor> = InstanceType<T>;

/** An array, a typed array or another indexed object, but no string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** The values that count as false. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/**
 * A class, abstract ones too.
 *
 * @internal
 */
// deno-lint-ignore no-explicit-any
type AbstractClass<T> = abstract new (...args: any[]) => T;

/** Holds if the value counts as true. */
export declare function assert(expr: unknown, msg?: string): asserts expr;

/** Holds if the value counts as false. */
export declare function assertFalse(
  expr: unknown,
  msg?: string,
): asserts expr is Falsy;

/** Holds if the value is neither `null` nor `undefined`. */
export declare function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T>;

/** Holds if both values are deeply equal. */
export declare function assertEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

/** Holds if the values differ somewhere. */
export declare function assertNotEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

/** Holds if both are the same value, as `Object.is` sees it. */
export declare function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T;

/** Holds if both are not the same value, as `Object.is` sees it. */
export declare function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

/**
 * Holds if two numbers are about equal.
 *
 * @param tolerance largest difference let through; without it, a share of `expected`
 */
export declare function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void;

/** Holds if `actual > expected`. */
export declare function assertGreater<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

/** Holds if `actual >= expected`. */
export declare function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

/** Holds if `actual < expected`. */
export declare function assertLess<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

/** Holds if `actual <= expected`. */
export declare function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void;

/** Holds if each of `expected` is deeply equal to one of `actual`. */
export declare function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void;

/** Holds if `actual` has all that `expected` has, deeply; it may have more. */
export declare function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void;

/** Holds if the text contains `expected`. */
export declare function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void;

/** Holds if the text matches. */
export declare function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void;

/** Holds if the text does not match. */
export declare function assertNotMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void;

/** Holds if the value is an instance of the class. */
export declare function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is GetConstructorType<T>;

/** Holds if the value is no instance of the class. */
export declare function assertNotInstanceOf<A, T>(
  actual: A,
  unexpectedType: AbstractClass<T>,
  msg?: string,
): asserts actual is Exclude<A, T>;

/** Holds if the value is an error, of that class and with that message if they are given. */
export declare function assertIsError<E extends Error = Error>(
  error: unknown,
  ErrorClass?: AbstractClass<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E;

/** Holds if the function throws; returns what it threw. */
export declare function assertThrows(fn: () => unknown, msg?: string): unknown;

/** Holds if the function throws an error of the class whose message has the text; returns it. */
export declare function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: AbstractClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;

/** Holds if the returned promise rejects; resolves to its reason. A function that throws fails. */
export declare function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;

/** Holds if the promise rejects with an error of the class whose message has the text; resolves to it. */
export declare function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: AbstractClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;

/** Never holds. */
export declare function fail(msg?: string): never;

/** Never holds: for code still to be written. */
export declare function unimplemented(msg?: string): never;

/** Never holds: for code that cannot be reached. */
export declare function unreachable(msg?: string): never;

/** Whether both values are deeply equal, as {@linkcode assertEquals} sees it. Asserts nothing. */
export declare function equal(a: unknown, b: unknown): boolean;
