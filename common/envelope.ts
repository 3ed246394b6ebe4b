/** What travels: an event's payload as JSON text, and what identifies it. The payload stays text until a handler wants it. */
export interface Envelope {
  /** The event's own id, a UUID version 7. */
  readonly eventId: string;
  /** The stream it was sent to. */
  readonly stream: string;
  /** The name of its definition. */
  readonly eventType: string;
  /** When it was sent: ISO 8601, UTC, milliseconds. */
  readonly time: string;
  /** Labels as JSON text, an object: trace context, correlation and causation ids. */
  readonly metadata: string;
  /** The payload as JSON text, byte for byte as it was sent. */
  readonly payload: string;
}

/** An envelope with its place in the stream. */
export interface Entry extends Envelope {
  /** `<ms>-<position>`. */
  readonly entryId: string;
}

/** The names in the order in which a publisher writes them. */
const FIELD_NAMES = ["event_id", "event_type", "time", "metadata", "payload"] as const;

/** How many strings {@linkcode toStreamFields} gives: name and value of each field. */
export const STREAM_FIELD_COUNT = 10;

/**
 * An envelope as the field names and values of a Redis stream entry. The stream's name is the key, so it is not repeated.
 *
 * @example
 * ```ts
 * import { fromStreamFields, toStreamFields } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * const envelope = {
 *   eventId: "019a2f6e-0000-7000-8000-000000000000",
 *   stream: "stream:widgets:events",
 *   eventType: "WidgetCreated",
 *   time: "2026-01-01T00:00:00.000Z",
 *   metadata: "{}",
 *   payload: '{"widget_id":"w1","owner_id":"o1"}',
 * };
 * const entry = fromStreamFields(envelope.stream, "1767225600000-1", toStreamFields(envelope));
 * assertEquals(entry, { ...envelope, entryId: "1767225600000-1" });
 * ```
 */
export function toStreamFields(envelope: Envelope): string[] {
  return [
    "event_id",
    envelope.eventId,
    "event_type",
    envelope.eventType,
    "time",
    envelope.time,
    "metadata",
    envelope.metadata,
    "payload",
    envelope.payload,
  ];
}

/**
 * Reads an entry from the fields of a Redis stream entry.
 *
 * @throws {TypeError} a field is missing: the entry was written by something else than a publisher
 */
export function fromStreamFields(stream: string, entryId: string, fields: readonly string[]): Entry {
  if (FIELD_NAMES.every((name, i) => fields[2 * i] === name)) {
    return {
      entryId,
      stream,
      eventId: fields[1]!,
      eventType: fields[3]!,
      time: fields[5]!,
      metadata: fields[7]!,
      payload: fields[9]!,
    };
  }
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) values.set(fields[i]!, fields[i + 1]!);
  const field = (name: string): string => {
    const value = values.get(name);
    if (value === undefined) {
      throw new TypeError(
        `Cannot read entry ${entryId} of ${stream}: it has no field '${name}', so no publisher wrote it`,
      );
    }
    return value;
  };
  return {
    entryId,
    stream,
    eventId: field("event_id"),
    eventType: field("event_type"),
    time: field("time"),
    metadata: field("metadata"),
    payload: field("payload"),
  };
}

/**
 * An entry as one line of JSON, without the line break. Metadata and payload are put in as they are, so no number or key
 * order changes on the way into the archive.
 *
 * @example
 * ```ts
 * import { fromJsonLine, toJsonLine } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * const entry = {
 *   entryId: "1767225600000-1",
 *   eventId: "019a2f6e-0000-7000-8000-000000000000",
 *   stream: "stream:widgets:events",
 *   eventType: "WidgetCreated",
 *   time: "2026-01-01T00:00:00.000Z",
 *   metadata: "{}",
 *   payload: '{"widget_id":"w1"}',
 * };
 * assertEquals(fromJsonLine(toJsonLine(entry)), entry);
 * ```
 */
export function toJsonLine(entry: Entry): string {
  return `{"entry_id":"${entry.entryId}","event_id":${quoted(entry.eventId)},"stream":${quoted(entry.stream)},` +
    `"event_type":${quoted(entry.eventType)},"time":${quoted(entry.time)},` +
    `"metadata":${oneLine(entry.metadata)},"payload":${oneLine(entry.payload)}}`;
}

/** Most texts are their own JSON, which is seen sooner than it is written. */
function quoted(text: string): string {
  return /^[\w:.-]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** A line break in JSON text can only stand between tokens: inside a string it is escaped. */
function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]+/g, " ") : json;
}

/**
 * Reads an entry from a line that {@linkcode toJsonLine} wrote.
 *
 * @throws {SyntaxError} the line is not JSON
 * @throws {TypeError} the line is JSON of another form
 */
export function fromJsonLine(line: string): Entry {
  const value: unknown = JSON.parse(line);
  const field = (name: string): string => {
    const member = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    if (typeof member !== "string") throw new TypeError(`Cannot read an archived line: it has no text '${name}'`);
    return member;
  };
  // The tail is cut out of the text, not parsed and written again: a number outside of JavaScript's range keeps its digits.
  const head = {
    entryId: field("entry_id"),
    eventId: field("event_id"),
    stream: field("stream"),
    eventType: field("event_type"),
    time: field("time"),
  };
  const metadataAt = line.indexOf(',"metadata":');
  if (metadataAt === -1) throw new TypeError("Cannot read an archived line: it has no 'metadata'");
  const payloadAt = payloadStart(line, metadataAt + ',"metadata":'.length);
  return {
    ...head,
    metadata: line.slice(metadataAt + ',"metadata":'.length, payloadAt),
    payload: line.slice(payloadAt + ',"payload":'.length, -1),
  };
}

/** Where `,"payload":` begins: at the first comma after the metadata that is inside neither a string nor a bracket. */
function payloadStart(line: string, from: number): number {
  let depth = 0;
  for (let i = from; i < line.length; i++) {
    const character = line[i];
    if (character === '"') {
      for (i++; i < line.length && line[i] !== '"'; i++) if (line[i] === "\\") i++;
    } else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === "," && depth === 0) {
      if (line.startsWith(',"payload":', i)) return i;
      break;
    }
  }
  throw new TypeError("Cannot read an archived line: it has no 'payload' after 'metadata'");
}
