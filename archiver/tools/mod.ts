/**
 * What programs over an archive share: reading it page by page, places as people write them, the search for an event, and progress.
 *
 * @module
 */
export { archivePages } from "../read/read_archive.ts";
export { findEvent } from "./find_event.ts";
export { beginningAt, endingAt, parsePlace, type Place, PLACE_FAULT } from "./place.ts";
export { Progress } from "./progress.ts";
