import type { MetricSnapshot } from "@events-pipeline/common/prometheus";

/**
 * What a supervisor asks of a consumer's process: to take no more work, to give up what is in hand too, or to tell its figures. Not
 * by signals, since those may come to the processes from elsewhere as well, and a second one has a meaning of its own.
 */
export type Order = "stop" | "cancel" | "measure";

/** What a consumer's process tells its supervisor. */
export type Report =
  /** What is wrong, by part; every second, so that its absence tells something too. */
  | { readonly kind: "health"; readonly faults: readonly (readonly [part: string, reason: string])[] }
  /** Its figures, when it was asked for them. */
  | { readonly kind: "metrics"; readonly metrics: readonly MetricSnapshot[] };

/** How often a process tells what is wrong, in milliseconds. */
export const REPORT_MS = 1_000;
