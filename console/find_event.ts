import type { FoundEvent } from "@events-pipeline/cli/trace/event_trace";
import { listStreams } from "@events-pipeline/archiver";
import { findEvent } from "@events-pipeline/archiver/tools";
import type { ConsoleOptions } from "./console_app.ts";
import { readEvent } from "./event_search.ts";
import { watchedStore } from "./trouble.ts";

/** For how long the archive is searched. */
const ARCHIVE_MS = 10_000;

/** An event that the outbox or the archive has, with what it carries. */
export interface WholeEvent extends FoundEvent {
  /** JSON text. */
  readonly payload: string;
  /** JSON text. */
  readonly metadata: string;
}

/**
 * Finds an event by its id: in the outbox, else in the archive, from the time that the id tells.
 *
 * @throws {Error} a server does not answer, or it takes too long
 */
export async function findWholeEvent(
  { outbox, store }: Pick<ConsoleOptions, "outbox" | "store">,
  eventId: string,
): Promise<WholeEvent | undefined> {
  const event = await readEvent(outbox, eventId);
  if (event !== undefined || store === undefined) return event;
  const archive = watchedStore(store, AbortSignal.timeout(ARCHIVE_MS));
  for await (const stream of listStreams(archive)) {
    const entry = await findEvent(archive, stream, eventId, {});
    if (entry === undefined) continue;
    const { eventType, time, entryId, payload, metadata } = entry;
    return {
      ...{ eventId, stream, eventType, entryId, payload, metadata, sentAt: new Date(time), publishedAt: undefined },
      ...{ payloadBytes: new TextEncoder().encode(payload).length, inOutbox: false },
    };
  }
  return undefined;
}
