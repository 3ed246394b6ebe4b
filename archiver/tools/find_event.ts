import type { Entry } from "@events-pipeline/common";
import type { ObjectStore } from "../object_store.ts";
import { archivePages, type ArchiveRange } from "../read/read_archive.ts";

/** How much earlier than it says a sender's clock may be ahead, in milliseconds. */
const AHEAD_MS = 3_600_000;

/**
 * Finds an event by its id. An id of version 7 tells when the event was sent, and it cannot stand in front of that: so the search begins
 * there, unless the range says where; if the event is not there, it goes through what comes before.
 */
export async function findEvent(
  store: ObjectStore,
  stream: string,
  eventId: string,
  range: ArchiveRange,
): Promise<Entry | undefined> {
  const sentMs = timeOf(eventId);
  if (range.after !== undefined || sentMs === undefined) return await search(store, stream, eventId, range);
  const from = new Date(sentMs - AHEAD_MS);
  return await search(store, stream, eventId, { ...range, after: from }) ??
    await search(store, stream, eventId, { ...range, until: from });
}

async function search(
  store: ObjectStore,
  stream: string,
  eventId: string,
  range: ArchiveRange,
): Promise<Entry | undefined> {
  for await (const page of archivePages(store, stream, range)) {
    const entry = page.find((entry) => entry.eventId === eventId);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

/** When an event of an id of version 7 was sent, in Unix milliseconds. */
function timeOf(eventId: string): number | undefined {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(eventId) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const ms = parseInt(high + low, 16);
  return ms > AHEAD_MS && ms < 4e12 ? ms : undefined;
}
