import { COUNTED_ROWS } from "./overview.ts";

/** A time as people say it: `0.4 s`, `12 s`, `3 min`, `5 h`, `9 days`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 2 * 3_600) return `${Math.round(seconds / 60)} min`;
  return seconds < 48 * 3_600 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** How many rows wait: `12`, or `over 100000` where no more were counted. */
export function rowCount(rows: number): string {
  return rows < COUNTED_ROWS ? String(rows) : `over ${COUNTED_ROWS}`;
}

/** How often something was tried: `1 attempt`, `4 attempts`. */
export function attemptCount(attempts: number): string {
  return `${attempts} attempt${attempts === 1 ? "" : "s"}`;
}

/** A size as people say it: `512 B`, `1.2 KiB`, `3.4 MiB`, `5.6 GiB`. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let amount = bytes;
  let unit = 0;
  for (; amount >= 1_024 && unit < units.length - 1; unit++) amount /= 1_024;
  return `${unit === 0 ? amount : amount.toFixed(1)} ${units[unit]}`;
}
