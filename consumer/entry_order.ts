import { type Entry, parseEntryId } from "@events-pipeline/common";

/** A position is missing in front of an entry: entries were trimmed, deleted, or lost. */
export class GapError extends Error {
  override readonly name = "GapError";
}

/** How entries follow a checkpoint. */
export interface EntryOrder {
  /** How many of them follow it without a hole. */
  readonly dense: number;
  /** The first position that is missing, when there is a hole. */
  readonly missing?: number;
  /**
   * Whether positions begin anew among them: Redis and the publisher both lost the end of the stream, which had been read, and other
   * events came in its place. The events that were read come again under other ids.
   */
  readonly rewritten: boolean;
}

/** Looks whether entries follow a checkpoint without a hole. */
export function orderOf(checkpoint: string, entries: readonly Entry[]): EntryOrder {
  let { position } = parseEntryId(checkpoint);
  let rewritten = false;
  for (const [index, { entryId }] of entries.entries()) {
    const next = parseEntryId(entryId).position;
    if (next > position + 1) return { dense: index, missing: position + 1, rewritten };
    if (next <= position) rewritten = true;
    position = next;
  }
  return { dense: entries.length, rewritten };
}

/** The error of a gap that nothing can fill. */
export function gapError(stream: string, checkpoint: string, position: number, before: string): GapError {
  return new GapError(
    `Cannot read ${stream} on from ${checkpoint}: position ${position} is missing before ${before}. Entries were trimmed, deleted ` +
      `or lost, or something else wrote to the stream, and neither the outbox nor the archive has them; nothing is skipped`,
  );
}
