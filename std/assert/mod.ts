/**
 * Stand-in for upstream's `@std/assert`: its own JavaScript, taken from npm, under types written here.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([1, 2], [1, 2]);
 * ```
 *
 * @module
 */

// npm's copy carries no types.
// @ts-types="./types.d.ts"
export * from "deno-std/assert/mod.js";
