const MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** What is wrong with an interval that {@linkcode parseInterval} does not take. */
export const INTERVAL_FAULT = "must be a time from 1s to 24h, such as 30s or 5m";

/** Reads how often a canary is to be sent, such as `30s`, `5m` or `1h`. @returns milliseconds; `undefined` when it is no such time */
export function parseInterval(text: string): number | undefined {
  const match = /^(\d{1,5})([smh])$/.exec(text);
  if (match === null) return undefined;
  const ms = Number(match[1]) * MS[match[2] as keyof typeof MS];
  return ms >= MS.s && ms <= 24 * MS.h ? ms : undefined;
}
