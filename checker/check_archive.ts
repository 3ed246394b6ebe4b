import { archivePages } from "./archive_pages.ts";
import type { StageCheck } from "./check_options.ts";
import { PositionComparison } from "./position_comparison.ts";
import type { StageEntry } from "./stage_entry.ts";

/** Checks that the archive holds every position of a stream from 1 on, each in exactly one object. */
export async function checkArchive(check: StageCheck, upTo: number): Promise<void> {
  const { sql, stream, findings } = check;
  const archive = check.archive!;
  const comparison = new PositionComparison({
    sql,
    stream,
    upTo,
    form: "one line",
    findings,
    async *again(): AsyncGenerator<readonly StageEntry[]> {
      for await (const page of archivePages(archive, stream, upTo)) if (page.kind === "entries") yield page.entries;
    },
  });
  for await (const page of archivePages(archive, stream, upTo)) {
    if (page.kind === "entries") {
      await comparison.take(page.entries);
      check.advance(upTo);
    } else {
      findings.add({ fault: "damaged", object: page.object, detail: page.reason });
      if (page.range !== undefined) comparison.leaveOut(page.range);
    }
  }
  await comparison.finish();
}
