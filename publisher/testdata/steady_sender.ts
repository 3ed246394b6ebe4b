import type { StreamName } from "@events-pipeline/common";
import { WidgetCreated } from "@events-pipeline/common/schemas";
import { transaction } from "@events-pipeline/common/transaction";
import { sendEvents } from "@events-pipeline/producer";
import type { Sql } from "postgres";

/** Sends events, one transaction after the other, until it is stopped; a transaction that fails is left behind. */
export interface SteadySender extends AsyncDisposable {
  /** The ids of the events whose commit was acknowledged. */
  readonly acknowledged: readonly string[];
  /** Sends no more. Resolves when the transaction in hand has ended. */
  stop(): Promise<void>;
}

/** Starts to send `perTransaction` events at a time. */
export function sendSteadily(sql: Sql, stream: StreamName, perTransaction = 5): SteadySender {
  const acknowledged: string[] = [];
  const stopping = new AbortController();
  let sent = 0;
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const events = Array.from(
        { length: perTransaction },
        () => WidgetCreated.create({ widget_id: `w${sent++}`, owner_id: "o" }),
      );
      try {
        acknowledged.push(...await transaction(sql, {}, (tx) => sendEvents(tx, { stream, events })));
      } catch {
        // The server is away, which is what these tests are about. Whether it was committed, the outbox knows.
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  return { acknowledged, stop, [Symbol.asyncDispose]: stop };
}
