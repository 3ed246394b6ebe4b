import { compareEntryIds } from "@events-pipeline/common";
import { readLease } from "@events-pipeline/common/lease";
import { transaction } from "@events-pipeline/common/transaction";
import { readRetention } from "@events-pipeline/publisher/stream_retention";
import type { StageCheck } from "./check_options.ts";
import { findUnnumbered, findUnpublished } from "./outbox_rows.ts";
import { PositionComparison } from "./position_comparison.ts";
import { positionOf, type StageEntry } from "./stage_entry.ts";
import { lastEntryId, streamPages } from "./stream_pages.ts";

/**
 * Checks a Redis stream: up to the publisher's checkpoint it must hold what the outbox has published and nobody has trimmed; after
 * it, only events that the outbox has yet to mark.
 *
 * @param published the publisher's checkpoint
 * @returns how many entries are in flight
 */
export async function checkStream(check: StageCheck, published: string): Promise<number> {
  const { sql, redis, stream, findings } = check;
  const upTo = positionOf(published);
  const comparison = new PositionComparison({
    sql,
    stream,
    upTo,
    form: "as sent",
    findings,
    // Trimming is recorded before it is done, so this covers whatever was gone when it was read.
    clearedTo: async () => (await readRetention(sql, stream)).trimmedTo,
    again: () => streamPages(redis, stream, { after: "0-0", upTo: "+" }),
  });
  for await (const page of streamPages(redis, stream, { after: "0-0", upTo: published })) {
    await comparison.take(page);
    check.advance(upTo);
  }
  const inFlight = await checkInFlight(check, published, (entry) => comparison.takeStray(entry));
  await comparison.finish();
  const unnumbered = await findUnnumbered(sql, stream, findings.wants("lost"));
  const detail = "its row is marked as published, without an entry id";
  for (const eventId of unnumbered.eventIds) findings.add({ fault: "lost", eventId, detail });
  findings.count("lost", unnumbered.count - unnumbered.eventIds.length);
  return inFlight;
}

/** How many ids are kept, to see that none is in flight twice. */
const MAX_IN_FLIGHT = 100_000;

/**
 * Looks at what a stream holds after the publisher's checkpoint. A batch that is being published stands there, or one whose commit was
 * lost: its rows are in the outbox, and not marked.
 */
async function checkInFlight(
  { sql, redis, stream, findings }: StageCheck,
  published: string,
  onStray: (entry: StageEntry) => void,
): Promise<number> {
  const last = await lastEntryId(redis, stream);
  if (last === undefined) return 0;
  const seen = new Set<string>();
  let inFlight = 0;
  for await (const page of streamPages(redis, stream, { after: published, upTo: last })) {
    const eventIds = page.flatMap(({ eventId }) => eventId ?? []);
    // In one snapshot: a publisher marks its rows and moves its checkpoint in one transaction.
    const { checkpoint, unpublished } = await transaction(sql, { isolation: "REPEATABLE READ" }, async (tx) => ({
      checkpoint: (await readLease(tx, { stream, role: "publisher" }))?.checkpoint ?? published,
      unpublished: await findUnpublished(tx, stream, eventIds),
    }));
    for (const entry of page) {
      const { eventId, entryId } = entry;
      if (isUpTo(entryId, checkpoint)) continue; // It has been published since.
      if (eventId === undefined || !unpublished.has(eventId)) {
        onStray(entry);
      } else if (seen.has(eventId)) {
        findings.events++;
        findings.add({ fault: "duplicated", eventId, entryId, detail: "it is in flight twice" });
      } else {
        if (seen.size < MAX_IN_FLIGHT) seen.add(eventId);
        inFlight++;
      }
    }
  }
  return inFlight;
}

function isUpTo(entryId: string, checkpoint: string): boolean {
  // An id that is not of the publisher's form is not from it.
  return positionOf(entryId) > 0 && compareEntryIds(entryId, checkpoint) <= 0;
}
