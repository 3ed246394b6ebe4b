import type { Entry } from "@events-pipeline/common";
import type { Lease } from "@events-pipeline/common/lease";
import { messagingTracer } from "@events-pipeline/common/tracing";
import type { Sql } from "postgres";
import { pastConflicts } from "./conflict.ts";
import type { HandlerCall } from "./run_handler.ts";
import { executeExactlyOnce } from "./exactly_once.ts";
import { executeAtLeastOnce } from "./at_least_once.ts";
import { executeAtMostOnce } from "./at_most_once.ts";
import { noticeSilence } from "./silent_handler.ts";

/** What executors work with. */
export interface ExecutorContext extends Omit<HandlerCall, "attempt"> {
  /** The pool on the consumers' database. */
  readonly sql: Sql;
  /** How long the lease lasts, in milliseconds: each checkpoint renews it. */
  readonly leaseMs: number;
  /** Told when entries of a batch are done, with the last one's id, and how many events of them were handled. */
  readonly onDone: (entryId: string, handled: number) => void;
  /** Told of a failure that is not tried again. */
  readonly onGivenUp: (error: unknown) => void;
}

/** What is handled in one go. */
export interface Batch {
  /** The checkpoint in front of them: an entry id. */
  readonly after: string;
  /** Consecutive entries of the stream; those of other event types are passed over. */
  readonly entries: readonly Entry[];
  /** Which attempt at the first of them this is. */
  readonly attempt: number;
  /** Whether to ask first which of them have been handled. They have not, unless the checkpoint was put back. */
  readonly lookUp: boolean;
  /** Fires when no more of them is to be begun: those that are done count. At least one is. */
  readonly until: AbortSignal;
}

/**
 * How long the server lets a transaction of this consumer be idle, and a statement take, in milliseconds. A handler that may take its
 * time may be silent for as long.
 */
export function limitsOf(
  { consumer, leaseMs }: Pick<ExecutorContext, "consumer" | "leaseMs">,
): { readonly idleMs: number; readonly statementMs: number } {
  const { timeoutMs } = consumer;
  return { idleMs: timeoutMs === Infinity ? leaseMs : Math.max(leaseMs, timeoutMs), statementMs: timeoutMs };
}

/** Handles entries, as the consumer's guarantee says. */
export async function execute(untraced: ExecutorContext, lease: Lease, batch: Batch): Promise<void> {
  const { guarantee } = untraced.consumer;
  const tracer = messagingTracer();
  const context = tracer === undefined ? untraced : { ...untraced, tracer };
  if (guarantee === "EXACTLY_ONCE") {
    const wanted = batch.entries.find(({ eventType }) => context.consumer.events.has(eventType)) ?? batch.entries[0]!;
    await pastConflicts(
      context.signal,
      () => noticeSilence(context, wanted, () => executeExactlyOnce(context, lease, batch)),
    );
  } else if (guarantee === "AT_LEAST_ONCE") await executeAtLeastOnce(context, lease, batch);
  else await executeAtMostOnce(context, lease, batch);
}
