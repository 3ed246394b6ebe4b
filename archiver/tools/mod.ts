/**
 * What programs over an archive share: places as people write them, the search for an event, and progress.
 *
 * @module
 */
export { findEvent } from "./find_event.ts";
export { beginningAt, endingAt, parsePlace, type Place, PLACE_FAULT } from "./place.ts";
export { Progress } from "./progress.ts";
