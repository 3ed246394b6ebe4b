import type { PipelineReport, StreamReport } from "./check_pipeline.ts";
import { type Example, type Fault, FAULTS, type StageReport } from "./stage_report.ts";

const TITLES: Readonly<Record<Fault, string>> = {
  lost: "lost",
  missing: "missing",
  duplicated: "duplicated",
  outOfOrder: "out of order",
  unexpected: "unexpected",
  altered: "altered",
  damaged: "damaged",
};

/** A report for people: a table for each stream, and below it the first faults. */
export function reportText(report: PipelineReport): string {
  return [...report.streams.map(streamText), verdict(report)].join("\n\n");
}

function streamText({ stream, published, backlog, inFlight, stages }: StreamReport): string {
  const head = ["stage", "up to", "events", ...FAULTS.map((fault) => TITLES[fault])];
  const rows = [head, ...stages.map((stage) => cellsOf(stage))];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  );
  const examples = stages.flatMap((stage) => stage.examples.map((example) => exampleText(stage.stage, example)));
  const state = `published up to ${published}, backlog ${backlog}, of that in flight ${inFlight}`;
  return [`${stream}: ${state}`, ...[...lines, ...examples].map((line) => `  ${line}`)].join("\n");
}

function cellsOf(stage: StageReport): string[] {
  return [stage.stage, ...[stage.upTo, stage.events, ...FAULTS.map((fault) => stage[fault])].map(String)];
}

function exampleText(stage: string, { fault, eventId, entryId, position, object, detail }: Example): string {
  const what = [
    ...(eventId === undefined ? [] : [`event ${eventId}`]),
    ...(entryId === undefined ? [] : [`entry ${entryId}`]),
    ...(position === undefined ? [] : [`position ${position}`]),
    ...(object === undefined ? [] : [`object ${object}`]),
  ];
  return `${stage}, ${TITLES[fault]}: ${what.join(", ")}${detail === undefined ? "" : `: ${detail}`}`;
}

function verdict({ right, streams }: PipelineReport): string {
  if (streams.length === 0) return "There is nothing to check: the outbox has had no stream";
  if (right) return "Everything is right";
  const stages = streams.flatMap((stream) => stream.stages);
  const counts = FAULTS.map((fault) => [fault, stages.reduce((sum, stage) => sum + stage[fault], 0)] as const);
  const found = counts.filter(([, count]) => count > 0).map(([fault, count]) => `${count} ${TITLES[fault]}`);
  const backlog = streams.reduce((sum, stream) => sum + stream.backlog, 0);
  // A backlog is wrong only where nothing may be on its way.
  if (found.length === 0) return `Something is wrong: ${backlog} events are not published`;
  return `Something is wrong: ${found.join(", ")}`;
}
