import { compareEntryIds } from "@events-pipeline/common";
import { transaction } from "@events-pipeline/common/transaction";
import { readRetention } from "@events-pipeline/publisher/stream_retention";
import type { StageCheck } from "./check_options.ts";
import { eventIdPages, findDoubled, type KnownRow, rowPages } from "./outbox_rows.ts";
import type { PositionRange } from "./position_set.ts";
import { type Knowledge, SequenceComparison } from "./sequence_comparison.ts";

/** Checks that the outbox has one row for each position that it has not cleaned up, in the order of the entry ids. */
export async function checkOutbox(check: StageCheck, upTo: number): Promise<void> {
  const { sql, stream, findings, sent } = check;
  let { cleanedTo } = await readRetention(sql, stream);
  let before: KnownRow | undefined;
  const missing = async (range: PositionRange): Promise<void> => {
    if (range.first > range.last) return;
    // The clean-up may have come in between.
    cleanedTo = (await readRetention(sql, stream)).cleanedTo;
    const first = Math.max(range.first, cleanedTo + 1);
    const examples = Math.min(range.last - first + 1, findings.wants("missing"));
    for (let i = 0; i < examples; i++) findings.add({ fault: "missing", position: first + i });
    findings.count("missing", Math.max(0, range.last - first + 1 - examples));
  };
  let last = cleanedTo;
  for await (const page of rowPages(sql, stream, { first: cleanedTo + 1, last: upTo })) {
    for (const row of page) {
      if (row.position !== last + 1) await missing({ first: last + 1, last: row.position - 1 });
      last = row.position;
      if (before !== undefined && compareEntryIds(before.entryId, row.entryId) >= 0) {
        const { eventId, entryId } = row;
        findings.add({ fault: "outOfOrder", eventId, entryId, detail: `the row before it has ${before.entryId}` });
      }
      before = row;
    }
    if (sent === undefined) findings.events += page.length;
    check.advance(upTo);
  }
  await missing({ first: last + 1, last: upTo });
  if (sent !== undefined) return await compareWithSent(check, sent.get(stream) ?? []);
  const doubled = await findDoubled(sql, stream, findings.wants("duplicated"));
  for (const eventId of doubled.eventIds) findings.add({ fault: "duplicated", eventId });
  findings.count("duplicated", doubled.count - doubled.eventIds.length);
}

/** Compares all of the outbox with what was sent. */
async function compareWithSent(check: StageCheck, sent: readonly string[]): Promise<void> {
  const { sql, stream, findings, sentInOrder = true } = check;
  const places = new Map(sent.map((eventId, position) => [eventId, position]));
  const comparison = new SequenceComparison({
    expected: (async function* () {
      yield await Promise.resolve(sent.map((eventId, position) => ({ eventId, position })));
    })(),
    findings,
    ordered: sentInOrder,
    lookAhead: Infinity,
    identify: (eventIds) =>
      Promise.resolve(
        new Map(eventIds.map((id): [string, Knowledge] => {
          const position = places.get(id);
          return [id, position === undefined ? { kind: "unknown" } : { kind: "expected", position }];
        })),
      ),
  });
  await transaction(sql, {}, async (tx) => {
    for await (const page of eventIdPages(tx, stream)) await comparison.take(page);
  });
  await comparison.finish();
}
