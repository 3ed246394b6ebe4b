/**
 * The event schemas of this repository, one file a domain. Export yours here.
 *
 * @module
 */
export * from "./widgets.ts";
