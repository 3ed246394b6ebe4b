import { type Entry, parseEntryId } from "@events-pipeline/common";
import { digestOf } from "./digest.ts";

/** An event as a stream or an archive holds it. */
export interface StageEntry {
  /** Its entry id, as it stands there. */
  readonly entryId: string;
  /** Its position; 0 when its entry id is of another form. */
  readonly position: number;
  /** Its event's id; `undefined` when no publisher wrote it. */
  readonly eventId?: string | undefined;
  /** Its event's type. */
  readonly eventType?: string;
  /** When it was sent. */
  readonly time?: string;
  /** What `digestOf` makes of it. */
  readonly digest?: string;
  /** The key of the archive's object that holds it. */
  readonly object?: string;
}

/** What is compared of an entry. The payload is not kept. */
export function toStageEntry(entry: Entry, object?: string): StageEntry {
  const { entryId, eventId, eventType, time } = entry;
  return {
    entryId,
    position: positionOf(entryId),
    eventId,
    eventType,
    time,
    digest: digestOf(entry),
    ...(object === undefined ? {} : { object }),
  };
}

/** The position in an entry id; 0 when the id is of another form. */
export function positionOf(entryId: string): number {
  try {
    return parseEntryId(entryId).position;
  } catch {
    return 0;
  }
}
