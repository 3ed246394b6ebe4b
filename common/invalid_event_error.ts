import { pathText } from "./json.ts";

/** A payload does not fit its event's schema. The message names each path and what is wrong there. */
export class InvalidEventError extends Error {
  /** The error's name, `InvalidEventError`. */
  override readonly name = "InvalidEventError";
}

/** What this file reads of an issue that zod reports. */
interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly errors?: readonly (readonly Issue[])[] | undefined;
  readonly options?: readonly unknown[] | undefined;
  readonly discriminator?: string | undefined;
}

/** How many faults a message names. A hostile payload may have a million. */
const MAX_FAULTS = 10;

/** The longest account of one fault. */
const MAX_LENGTH = 300;

/** The error of a payload that does not fit: names the first faults, and how many there are. */
export function misfit(event: string, issues: readonly Issue[]): InvalidEventError {
  const faults = issues.slice(0, MAX_FAULTS).map((issue) => describe(issue, "payload"));
  if (issues.length > MAX_FAULTS) faults.push(`and ${issues.length - MAX_FAULTS} more faults`);
  return new InvalidEventError(`Cannot accept the payload of '${event}': ${faults.join("; ")}`);
}

function describe(issue: Issue, root: string): string {
  return cut(`${pathText(root, issue.path)}: ${explain(issue)}`);
}

function explain(issue: Issue): string {
  if (issue.code !== "invalid_union") return issue.message;
  if (issue.discriminator !== undefined) {
    const known = (issue.options ?? []).map((option) => JSON.stringify(option) ?? String(option)).join(", ");
    return `it is none of the known alternatives: ${known}`;
  }
  const alternatives = (issue.errors ?? []).map((issues, i) => `(${i + 1}) ${alternative(issues)}`);
  return alternatives.length === 0
    ? "it fits more than one alternative, and may fit one only"
    : `it fits none of the alternatives: ${alternatives.join(" ")}`;
}

function alternative(issues: readonly Issue[]): string {
  const [first] = issues;
  if (first === undefined) return "something is wrong";
  return first.path.length === 0 ? explain(first) : describe(first, "").slice(1);
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
