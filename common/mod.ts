/**
 * The words that producers, publishers, consumers and the archive share: event schemas, stream names, guarantees, and the
 * envelope that travels.
 *
 * @module
 */
export { base64Bytes, bigintString, decimalString, isoDate, urlString } from "./codecs.ts";
export {
  type Entry,
  type Envelope,
  fromJsonLine,
  fromStreamFields,
  STREAM_FIELD_COUNT,
  toJsonLine,
  toStreamFields,
} from "./envelope.ts";
export { compareEntryIds, type EntryId, entryMs, formatEntryId, parseEntryId, ZERO_ENTRY_ID } from "./entry_id.ts";
export { defineEvent, type Event, type EventDefinition, type EventOptions, type PayloadInput } from "./event.ts";
export { definedEvents, eventNamed } from "./event_registry.ts";
export type { EventShape, FieldCodec, FieldSchema, OptionalKeys, PayloadOf } from "./field_schema.ts";
export { Guarantee } from "./guarantee.ts";
export { InvalidEventError } from "./invalid_event_error.ts";
export { encodeJson } from "./json.ts";
export { isNotSetSchema, isSet, NOT_SET, type NotSet, notSet, type NotSetSchema } from "./not_set.ts";
export { defineStreamName, parseStreamName } from "./stream_name.ts";
export { StreamName } from "./stream_names.ts";
