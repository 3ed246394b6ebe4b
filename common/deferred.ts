/**
 * A promise that is settled from outside. `Promise.withResolvers` is that too, but Node.js 20 does not have it.
 *
 * @module
 */

/** A promise, and what settles it. */
export interface Deferred<T> {
  /** The promise. */
  readonly promise: Promise<T>;
  /** Resolves it. */
  readonly resolve: (value: T | PromiseLike<T>) => void;
  /** Rejects it. */
  readonly reject: (reason?: unknown) => void;
}

/**
 * Makes a promise that is settled from outside.
 *
 * @example
 * ```ts
 * import { deferred } from "@events-pipeline/common/deferred";
 * import { assertEquals } from "@std/assert";
 *
 * const { promise, resolve } = deferred<number>();
 * resolve(1);
 * assertEquals(await promise, 1);
 * ```
 */
export function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, "promise"> | undefined;
  const promise = new Promise<T>((resolve, reject) => settle = { resolve, reject });
  return { promise, ...settle! };
}
