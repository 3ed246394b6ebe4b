/**
 * Sends events from inside the caller's database transaction.
 *
 * @module
 */
export { resendEvents, type ResendEventsOptions } from "./resend_events.ts";
export {
  type Metadata,
  sendEvent,
  type SendEventOptions,
  sendEvents,
  type SendEventsOptions,
  type SendOptions,
} from "./send_event.ts";
