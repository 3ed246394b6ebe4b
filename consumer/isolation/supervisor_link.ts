import type { Health } from "@events-pipeline/common/health";
import type { PrometheusMetrics } from "@events-pipeline/common/prometheus";
import process from "node:process";
import { type Order, type Report, REPORT_MS } from "./supervision.ts";

/** The supervisor, as a process sees it that runs one consumer for it. */
export interface SupervisorLink {
  /** It wants no more work to be taken, or it is gone. */
  readonly stop: AbortSignal;
  /** It wants what is in hand to be given up, too. */
  readonly cancel: AbortSignal;
  /** Tells it what is wrong, again and again, and the figures when it asks. @returns ends that */
  report(health: Health, metrics: PrometheusMetrics): Disposable;
}

/** The supervisor that has started this process; `undefined` when a person has, or an init system. */
export function supervisorLink(): SupervisorLink | undefined {
  if (process.send === undefined) return undefined;
  const stop = new AbortController();
  const cancel = new AbortController();
  // It is told nothing while it is not listening; nobody needs an answer, and its absence has an event of its own.
  const tell = (report: Report): void => void (process.connected && process.send?.(report, () => {}));
  process.on("disconnect", () => stop.abort());
  process.on("message", (order: Order) => {
    if (order === "stop" || order === "cancel") stop.abort();
    if (order === "cancel") cancel.abort();
  });
  return {
    stop: stop.signal,
    cancel: cancel.signal,
    report(health, metrics) {
      const tellHealth = (): void => tell({ kind: "health", faults: [...health.faults()] });
      const measure = async (order: Order): Promise<void> => {
        if (order === "measure") tell({ kind: "metrics", metrics: await metrics.snapshot() });
      };
      process.on("message", measure);
      tellHealth();
      const timer = setInterval(tellHealth, REPORT_MS);
      return {
        [Symbol.dispose]() {
          clearInterval(timer);
          process.off("message", measure);
        },
      };
    },
  };
}
