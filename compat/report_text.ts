import type { CompatReport, LocatedFinding } from "./check_compat.ts";

/** The words for the severities, in the order in which they are shown. */
const SEVERITIES = [["breaking", "BREAKING"], ["waived", "waived"], ["note", "note"]] as const;

/** What a finding is about: `WidgetCreated.lines[].price`. */
export function subjectOf({ event, stream, path }: LocatedFinding): string {
  const name = event ?? stream ?? "";
  if (path === "") return name;
  return `${name}${/^[[{<*]/.test(path) ? "" : "."}${path}`;
}

/** The report in words. */
export function reportText(report: CompatReport): string {
  const { base, history, mode, events, streams, findings, remarks } = report;
  const against = history.length === 0 ? "" : `, and with ${history.length} older: ${history.join(", ")}`;
  return [
    `Compared with ${base.revision} (${base.commit.slice(0, 10)})${against}. Mode: ${mode}`,
    `Events: ${events.base} before, ${events.now} now. Streams: ${streams.base} before, ${streams.now} now`,
    ...remarks.map((remark) => `Note: ${remark}`),
    ...SEVERITIES.flatMap(([severity, word]) =>
      findings.filter((finding) => finding.severity === severity).map((finding) =>
        findingText(finding, word, base.revision)
      )
    ),
    verdictText(report),
  ].join("\n");
}

function findingText(finding: LocatedFinding, word: string, base: string): string {
  const { rule, old, new: now, why, waiver, place, against } = finding;
  const others = against.filter((revision) => revision !== base);
  const where = place === undefined ? "" : `  ${place.file}:${place.line}`;
  return [
    "",
    `${word} ${rule.id}: ${subjectOf(finding)}${where}`,
    `  ${rule.what}`,
    `    old: ${old}`,
    `    new: ${now}`,
    ...(others.length === 0 ? [] : [`    against: ${against.join(", ")}`]),
    ...why.map((sentence) => `  why: ${sentence}`),
    waiver === undefined
      ? `  fix: ${rule.fix}`
      : `  waived on ${waiver.date}${waiver.until === undefined ? "" : ` until ${waiver.until}`}: ${waiver.reason}`,
  ].join("\n");
}

/** The verdict in a line. */
export function verdictText({ findings }: CompatReport): string {
  const count = (severity: string): number => findings.filter((finding) => finding.severity === severity).length;
  const rest = [[count("waived"), "waived"], [count("note"), "to note"]].flatMap(([n, word]) =>
    n === 0 ? [] : [`${n} ${word}`]
  );
  const breaking = count("breaking");
  const verdict = breaking === 0 ? "Compatible" : `Not compatible: ${breaking} breaking`;
  return `\n${[verdict, ...rest].join(", ")}`;
}
