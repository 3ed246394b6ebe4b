import type { Health } from "@events-pipeline/common/health";
import type { Logger } from "@events-pipeline/common/logger";
import type { ArchiverMetrics } from "./archiver_metrics.ts";
import type { PutReport } from "./object_store.ts";

/** Who is told. */
export interface StoreReportsOptions {
  readonly logger: Logger;
  readonly health: Health;
  readonly metrics: ArchiverMetrics;
}

/** Tells what a store says of itself when objects are put: each thing once. */
export class StoreReports {
  readonly #options: StoreReportsOptions;
  readonly #told = new Set<string>();

  constructor(options: StoreReportsOptions) {
    this.#options = options;
  }

  /** Takes what came of putting an object. */
  tell({ retries, conditional, notes }: PutReport): void {
    const { logger, health, metrics } = this.#options;
    if (retries > 0) metrics.retries.add(retries);
    if (conditional !== undefined) metrics.conditionalPut.set(conditional ? 1 : 0);
    for (const note of notes) {
      if (this.#told.has(note)) continue;
      this.#told.add(note);
      logger.warn(note);
      health.note("archive", [...this.#told].join("; "));
    }
  }
}
