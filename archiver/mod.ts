/**
 * The archiver: writes every stream to S3 or to a folder, as gzipped JSON lines. It usually runs as a daemon
 * (`deno task archive`); this module runs it inside another program.
 *
 * @module
 */
export { type ArchiverOptions, runArchiver } from "./archiver.ts";
export type { ObjectHead, ObjectStore } from "./object_store.ts";
export { openStore } from "./open_store.ts";
export type { S3Options } from "./s3_store.ts";
