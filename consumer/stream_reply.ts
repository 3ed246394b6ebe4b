import { type Entry, fromStreamFields } from "@events-pipeline/common";

/** The reply to XREAD; `null` when there is nothing to read. */
export type StreamReply = [stream: string, entries: [entryId: string, fields: string[]][]][] | null;

/** The entries of a reply, by stream. */
export function toEntries(reply: StreamReply): Map<string, Entry[]> {
  return new Map(
    (reply ?? []).map((
      [stream, entries],
    ) => [stream, entries.map(([entryId, fields]) => fromStreamFields(stream, entryId, fields))]),
  );
}
