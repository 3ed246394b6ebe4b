/**
 * The web console: what happens in the pipeline, for a browser. Run as `deno task console`.
 *
 * @module
 */
export { Access, type AccessOptions } from "./access.ts";
export { consoleMigrations } from "./migrations.ts";
export { type Mask, maskOf } from "./mask.ts";
export { type RunningConsole, startConsole } from "./server.ts";
