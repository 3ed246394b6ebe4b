import type { CompatReport } from "./check_compat.ts";

/** The report as one line of JSON. The README documents it. */
export function reportJson(report: CompatReport): string {
  const { base, history, mode, events, streams, findings, remarks } = report;
  return JSON.stringify({
    format: 1,
    verdict: findings.some(({ severity }) => severity === "breaking") ? "breaking" : "compatible",
    mode,
    base,
    history,
    events,
    streams,
    remarks,
    findings: findings.map(({ rule, place, waiver, event, stream, ...finding }) => ({
      rule: rule.id,
      severity: finding.severity,
      ...(event === undefined ? {} : { event }),
      ...(stream === undefined ? {} : { stream }),
      path: finding.path,
      what: rule.what,
      old: finding.old,
      new: finding.new,
      breaks: finding.breaks,
      why: finding.why,
      fix: rule.fix,
      against: finding.against,
      ...place,
      ...(waiver === undefined ? {} : { waiver }),
    })),
  });
}

/** A check that could not be made, as one line of JSON. */
export function failureJson(message: string): string {
  return JSON.stringify({ format: 1, verdict: "failed", error: message });
}
