import type { CompatReport, LocatedFinding } from "./check_compat.ts";
import { subjectOf, verdictText } from "./report_text.ts";

const COMMANDS = { breaking: "error", waived: "notice", note: "notice" } as const;

/** The report as workflow commands of GitHub Actions, which annotate the lines of a pull request. */
export function reportGithub(report: CompatReport): string {
  return [
    ...report.remarks.map((remark) => `::notice title=check-compat::${escapeData(remark)}`),
    ...report.findings.map(annotation),
    verdictText(report).trim(),
  ].join("\n");
}

function annotation(finding: LocatedFinding): string {
  const { rule, severity, old, new: now, why, place, waiver } = finding;
  const properties = [
    ...(place === undefined ? [] : [`file=${escapeProperty(place.file)}`, `line=${place.line}`]),
    `title=${escapeProperty(`${rule.id}: ${subjectOf(finding)}`)}`,
  ];
  const message = [
    `${rule.what}. Old: ${old}. New: ${now}.`,
    ...why,
    waiver === undefined ? `Fix: ${rule.fix}` : `Waived on ${waiver.date}: ${waiver.reason}`,
  ].join("\n");
  return `::${COMMANDS[severity]} ${properties.join(",")}::${escapeData(message)}`;
}

/** A check that could not be made, as a workflow command. */
export function failureGithub(message: string): string {
  return `::error title=check-compat::${escapeData(message)}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}
