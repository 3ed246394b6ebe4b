/**
 * Stand-in for upstream's `@std/cli`: its own JavaScript, taken from npm, under types written here.
 *
 * @example
 * ```ts
 * import { parseArgs } from "@std/cli";
 * import { assertEquals } from "@std/assert";
 *
 * const args = parseArgs(["--port", "8080"], { string: ["port"] });
 * assertEquals(args.port, "8080");
 * ```
 *
 * @module
 */

// npm's copy carries no types; its own mod.js does not load, since a data file of unicodeWidth is missing.
// @ts-types="./parse_args.d.ts"
export * from "deno-std/cli/parse_args.js";
// @ts-types="./prompt_secret.d.ts"
export * from "deno-std/cli/prompt_secret.js";
