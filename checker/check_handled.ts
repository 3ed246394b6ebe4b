import { compareEntryIds, ZERO_ENTRY_ID } from "@events-pipeline/common";
import { readLease } from "@events-pipeline/common/lease";
import { transaction } from "@events-pipeline/common/transaction";
import { readRetention } from "@events-pipeline/publisher/stream_retention";
import type { StageCheck } from "./check_options.ts";
import { handledPages, readConsumers } from "./handled_events.ts";
import { clearedEvents, eventsBesideOutbox, type KnownEvent, knownEvents, type KnownRange } from "./known_events.ts";
import { findDoubled, findEvents } from "./outbox_rows.ts";
import { positionOf } from "./stage_entry.ts";
import { type Knowledge, SequenceComparison } from "./sequence_comparison.ts";

/** How many events with several outbox rows are kept in mind: a consumer handles each once. */
const MAX_DOUBLED = 10_000;

/**
 * Checks that a consumer has handled every event up to its checkpoint that it wants, once, in the stream's order.
 *
 * Its checkpoint and its effects are read in one snapshot: they commit together.
 *
 * @returns the last position that was judged
 */
export async function checkHandled(check: StageCheck, consumer: string): Promise<number> {
  const { sql, consumerSql = sql, stream, findings, complete } = check;
  const table = check.handled!;
  return await transaction(consumerSql, { isolation: "REPEATABLE READ" }, async (tx) => {
    await tx`SET TRANSACTION READ ONLY`;
    const state = (await readConsumers(tx, [stream])).find(({ name }) => name === consumer);
    const checkpoint = state?.checkpoint ?? ZERO_ENTRY_ID;
    const published = (await readLease(sql, { stream, role: "publisher" }))?.checkpoint ?? ZERO_ENTRY_ID;
    const { cleanedTo } = await readRetention(sql, stream);
    const upTo = complete === true && compareEntryIds(checkpoint, published) < 0 ? published : checkpoint;
    const range: KnownRange = { stream, cleanedTo, published, upTo };
    const wanted = new WantedEvents(check, range);
    const comparison = new SequenceComparison({
      expected: wanted.pages(),
      findings,
      joinsLate: cleanedTo > 0 && !await reachesBack(check, range),
      identify: (eventIds) => identify(check, range, eventIds, wanted.hasGaps),
    });
    for await (const page of handledPages(tx, table)) {
      await comparison.take(page);
      check.advance(positionOf(upTo));
    }
    await comparison.finish();
    return positionOf(upTo);
  });
}

/** The known events that the consumer wants, each once. */
class WantedEvents {
  readonly #check: StageCheck;
  readonly #range: KnownRange;
  /** Whether nobody has some of the events that the outbox has cleaned up. Known when all are read. */
  hasGaps = false;

  constructor(check: StageCheck, range: KnownRange) {
    this.#check = check;
    this.#range = range;
  }

  async *pages(): AsyncGenerator<readonly KnownEvent[]> {
    const { stream, cleanedTo } = this.#range;
    const doubled = new Set((await findDoubled(this.#check.sql, stream, MAX_DOUBLED)).eventIds);
    const had = new Set<string>();
    let last: number | undefined;
    for await (const page of knownEvents(this.#check, this.#range)) {
      for (const { position } of page) {
        if (last !== undefined && last < cleanedTo && position > last + 1) this.hasGaps = true;
        last = position;
      }
      yield page.filter(({ eventId, eventType }) => {
        if (!isWanted(this.#check, eventType) || had.has(eventId)) return false;
        if (doubled.has(eventId)) had.add(eventId);
        return true;
      });
    }
  }
}

function isWanted({ handled }: StageCheck, eventType: string): boolean {
  return handled?.eventTypes?.includes(eventType) ?? true;
}

/** Whether the events that the outbox has cleaned up are known from the first on. */
async function reachesBack(check: StageCheck, { stream, cleanedTo }: KnownRange): Promise<boolean> {
  for await (const page of clearedEvents(check, stream, cleanedTo)) return page[0]?.position === 1;
  return false;
}

/** Finds out about handled events that were not expected where they stand. */
async function identify(
  check: StageCheck,
  { stream, cleanedTo, upTo }: KnownRange,
  eventIds: readonly string[],
  hasGaps: boolean,
): Promise<ReadonlyMap<string, Knowledge>> {
  const { sql } = check;
  const known = new Map<string, Knowledge>();
  for (const [eventId, { position, eventType }] of await findEvents(sql, stream, eventIds)) {
    const later = position === undefined || position > positionOf(upTo);
    const right: Knowledge = later ? { kind: "right" } : { kind: "expected", position };
    known.set(eventId, isWanted(check, eventType) ? right : { kind: "unknown" });
  }
  const unknown = new Set(eventIds.filter((id) => !known.has(id)));
  if (unknown.size === 0) return known;
  for await (const page of eventsBesideOutbox(check, stream)) {
    for (const { eventId, eventType, position } of page) {
      if (!unknown.has(eventId) || !isWanted(check, eventType)) continue;
      // Its row is gone, by the clean-up that has overtaken this check, or by a fault that is the outbox's.
      known.set(eventId, position > cleanedTo ? { kind: "right" } : { kind: "expected", position });
    }
  }
  // Where events are gone from everywhere, nobody can tell one of them from one that was never sent.
  if (hasGaps) { for (const id of unknown) if (!known.has(id)) known.set(id, { kind: "right" }); }
  return known;
}
