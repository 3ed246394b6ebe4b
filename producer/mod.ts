/**
 * Sends events from inside the caller's database transaction. This entry takes transactions of postgres.js; the other entries take
 * those of other libraries, under the same names.
 *
 * @module
 */
export { NoConnectionError } from "./insert_at_once.ts";
export { resendEvents, type ResendEventsOptions } from "./resend_events.ts";
export { sendEvent, sendEvents, withTransaction } from "./send_event.ts";
export type { Metadata, SendEventOptions, SendEventsOptions, SendOptions } from "./send_options.ts";
