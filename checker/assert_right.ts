import type { PipelineReport } from "./check_pipeline.ts";
import { reportText } from "./report_text.ts";

/**
 * Asserts that nothing is wrong.
 *
 * @throws {Error} something is: the message is the whole report
 */
export function assertRight(report: PipelineReport): void {
  if (!report.right) throw new Error(reportText(report));
}
