import { compareEntryIds, ZERO_ENTRY_ID } from "@events-pipeline/common";
import type { ObjectStore } from "@events-pipeline/archiver";
import { archivePages } from "./archive_pages.ts";
import type { CheckOptions } from "./check_options.ts";
import { rowPages } from "./outbox_rows.ts";
import { positionOf, type StageEntry } from "./stage_entry.ts";
import { streamPages } from "./stream_pages.ts";

/** An event whose place in its stream is known. */
export interface KnownEvent {
  readonly position: number;
  readonly entryId: string;
  readonly eventId: string;
  readonly eventType: string;
}

/** Where a stream's events are known from. */
export interface KnownRange {
  readonly stream: string;
  /** The outbox has cleaned up this position and those before it. */
  readonly cleanedTo: number;
  /** The publisher's checkpoint: the outbox knows the entries up to here. */
  readonly published: string;
  /** The last entry that is wanted. It may come after the checkpoint. */
  readonly upTo: string;
}

/**
 * The events of a stream in its order: from the outbox; before what it has cleaned up, from the archive or else from Redis; after the
 * publisher's checkpoint, from Redis.
 */
export async function* knownEvents(options: CheckOptions, range: KnownRange): AsyncGenerator<readonly KnownEvent[]> {
  const { sql, redis } = options;
  const { stream, cleanedTo, published } = range;
  const upTo = positionOf(range.upTo);
  const beforeOutbox = Math.min(cleanedTo, upTo);
  if (beforeOutbox > 0) yield* clearedEvents(options, stream, beforeOutbox);
  yield* rowPages(sql, stream, { first: cleanedTo + 1, last: Math.min(upTo, positionOf(published)) });
  if (compareEntryIds(range.upTo, published) <= 0) return;
  for await (const page of streamPages(redis, stream, { after: published, upTo: range.upTo })) yield eventsOf(page);
}

/** The events of a stream that the outbox no longer has: those that the archive has, then those that only Redis has. */
export async function* clearedEvents(
  { archive, redis }: CheckOptions,
  stream: string,
  upTo: number,
): AsyncGenerator<readonly KnownEvent[]> {
  let after = ZERO_ENTRY_ID;
  if (archive !== undefined) {
    for await (const page of archivedEvents(archive, stream, upTo)) {
      yield page;
      after = page.at(-1)?.entryId ?? after;
    }
  }
  for await (const page of streamPages(redis, stream, { after, upTo: "+" })) {
    const events = eventsOf(page).filter(({ position }) => position <= upTo);
    if (events.length > 0) yield events;
    if (page.at(-1)!.position > upTo) return;
  }
}

/** All events of a stream that the archive or Redis has, those that both have twice. */
export async function* eventsBesideOutbox(
  { archive, redis }: CheckOptions,
  stream: string,
): AsyncGenerator<readonly KnownEvent[]> {
  if (archive !== undefined) yield* archivedEvents(archive, stream, Infinity);
  for await (const page of streamPages(redis, stream, { after: ZERO_ENTRY_ID, upTo: "+" })) yield eventsOf(page);
}

async function* archivedEvents(
  archive: ObjectStore,
  stream: string,
  upTo: number,
): AsyncGenerator<readonly KnownEvent[]> {
  for await (const page of archivePages(archive, stream, upTo)) {
    if (page.kind === "entries") yield eventsOf(page.entries);
  }
}

function eventsOf(page: readonly StageEntry[]): KnownEvent[] {
  return page.flatMap(({ position, entryId, eventId, eventType }) =>
    eventId === undefined || eventType === undefined ? [] : { position, entryId, eventId, eventType }
  );
}
