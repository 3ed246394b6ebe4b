import { describeError } from "@events-pipeline/common/logger";
import { backoffMs } from "@events-pipeline/common/retry";
import type { Consumer } from "./define_consumer.ts";
import { DeadLetter, RetryLater } from "./outcomes.ts";
import type { HandlerError } from "./run_handler.ts";

/** What becomes of an event that failed. */
export type FailureOutcome =
  /** It comes again after so many milliseconds. */
  | { readonly kind: "retry"; readonly waitMs: number }
  /** It is set aside. */
  | { readonly kind: "dead letter"; readonly reason: string };

/** Decides what becomes of an event that failed. @param attempts how many attempts have failed, this one included */
export function outcomeOf(consumer: Consumer, error: HandlerError, attempts: number): FailureOutcome {
  const { cause } = error;
  if (cause instanceof DeadLetter) return { kind: "dead letter", reason: cause.message };
  if (attempts >= consumer.deadLetterAfter) {
    return { kind: "dead letter", reason: `It failed ${attempts} times: ${describeError(cause)}` };
  }
  if (cause instanceof RetryLater) return { kind: "retry", waitMs: cause.ms };
  const { retryMs, retryMaxMs } = consumer;
  return retryMaxMs > retryMs
    ? { kind: "retry", waitMs: backoffMs(attempts, { baseMs: retryMs, maxMs: retryMaxMs }) }
    : { kind: "retry", waitMs: Math.round(retryMs * (0.95 + 0.1 * Math.random())) };
}
