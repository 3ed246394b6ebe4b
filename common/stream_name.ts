import type { StreamName } from "./stream_names.ts";

const STREAM_NAME = /^stream:[a-z0-9]+(?:[-_:][a-z0-9]+)*:events$/;
const MAX_LENGTH = 200;

const names = new Set<string>();

/**
 * Names a stream. Defining the same name again gives the same stream.
 *
 * @param name `stream:<domain>:events`, where the domain is lower-case letters, digits, and `-`, `_` or `:` between them; 200
 * characters at most
 * @throws {TypeError} the name has another form
 *
 * @example
 * ```ts
 * import { defineStreamName } from "@events-pipeline/common";
 *
 * export const ORDERS = defineStreamName("stream:orders:events");
 * ```
 */
export function defineStreamName(name: string): StreamName {
  if (name.length > MAX_LENGTH || !STREAM_NAME.test(name)) {
    throw new TypeError(
      `Cannot name a stream '${
        name.slice(0, MAX_LENGTH)
      }': expected stream:<domain>:events in lower case, ${MAX_LENGTH} characters at most`,
    );
  }
  names.add(name);
  return name as StreamName;
}

/**
 * Looks a stream name up that arrives as text, for example from a command line.
 *
 * @throws {TypeError} no stream of that name has been defined; the message lists those that have
 *
 * @example
 * ```ts
 * import { parseStreamName, StreamName } from "@events-pipeline/common";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseStreamName("stream:widgets:events"), StreamName.WIDGETS);
 * ```
 */
export function parseStreamName(name: string): StreamName {
  if (!names.has(name)) {
    const known = [...names].sort().join(", ") || "none is defined";
    throw new TypeError(`Cannot use the stream '${name}': it is not defined. Known streams: ${known}`);
  }
  return name as StreamName;
}
