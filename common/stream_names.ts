import { defineStreamName } from "./stream_name.ts";

/** The name of a defined stream: `stream:<domain>:events`, also its key in Redis. */
export type StreamName = string & { readonly __brand: "StreamName" };

/**
 * Every stream of this repository. Add yours here: a name that is not listed is a compile error where it is used. Streams
 * and event schemas are independent: any event may flow on any stream.
 */
export const StreamName: {
  /** What happens to widgets: the stream of the tutorial. */
  readonly WIDGETS: StreamName;
} = Object.freeze({
  WIDGETS: defineStreamName("stream:widgets:events"),
});
