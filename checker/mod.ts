/**
 * Checks a pipeline: what is lost, doubled, out of order, altered or was never sent, in the outbox, Redis, the archive and what a
 * consumer has handled. `deno task check-pipeline` runs it; this module is for tests and other programs.
 *
 * @module
 */
export { assertRight } from "./assert_right.ts";
export type { CheckOptions, CheckProgress, HandledTable, VersionRule } from "./check_options.ts";
export { checkPipeline, listStreams, type PipelineReport, type StreamReport } from "./check_pipeline.ts";
export { reportText } from "./report_text.ts";
export { type Example, type Fault, FAULTS, type StageReport } from "./stage_report.ts";
