import type { ArchiveFault } from "../verify/archive_fault.ts";
import type { VerifiedStream } from "../verify/verify_stream.ts";

/** What was found of a stream, in a line. */
export function verifiedLine(verified: VerifiedStream): string {
  const { stream, days, segments, events, bytes, first, last, superseded, compared, faultCount } = verified;
  const range = first === undefined ? "nothing is archived" : `${first} to ${last}`;
  const parts = [
    `${count(days, "day")}, ${count(segments, "segment")}, ${count(events, "event")}, ${bytes} bytes`,
    range,
    ...(compared === undefined ? [] : [`${compared} counted in the outbox`]),
    ...(superseded === 0 ? [] : [`${superseded} superseded, which compact removes`]),
  ];
  return `${stream}: ${faultCount === 0 ? "whole" : count(faultCount, "fault")}; ${parts.join("; ")}`;
}

/** A fault, in a line. */
export function faultLine({ kind, first, last, key, detail }: ArchiveFault): string {
  const range = first === undefined ? "" : first === last ? ` position ${first}` : ` positions ${first} to ${last}`;
  return `${kind}${range}: ${detail}${key === undefined ? "" : ` (${key})`}`;
}

/** A number of things: `1 stream`, `3 streams`. */
export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
