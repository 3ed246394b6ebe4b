import { type Entry, parseEntryId } from "@events-pipeline/common";
import { type Lease, LeaseLostError } from "@events-pipeline/common/lease";
import type { Sql, TransactionSql } from "postgres";
import { ProgressFault } from "./progress_fault.ts";

/** How far a worker has come, and which events it has handled on the way. */
export interface Progress {
  /** The consumer's name. */
  readonly consumer: string;
  /** The checkpoint before: an entry id. If the table has another one, the worker's idea of it is outdated. */
  readonly before: string;
  /** The new checkpoint: an entry id. */
  readonly checkpoint: string;
  /** The events that were handled since the last one. */
  readonly handled: readonly Entry[];
  /** How long the lease lasts from now, in milliseconds. */
  readonly leaseMs: number;
}

/**
 * Events have been handled before: somebody has put the checkpoint back, or they came under other entry ids. The transaction is to be
 * rolled back, and the work done again with a look at what has been handled.
 */
export class AlreadyHandledError extends Error {
  override readonly name = "AlreadyHandledError";
}

/** A handler ended the transaction, which belongs to the worker. */
export class TransactionEndedError extends Error {
  override readonly name = "TransactionEndedError";

  constructor(consumer: string) {
    super(
      `Cannot finish the transaction of '${consumer}': the handler committed it or rolled it back. ` +
        `The transaction belongs to the worker: throw to roll back`,
    );
  }
}

/** What {@linkcode saveProgress} looks at before it changes anything. */
export interface SaveOptions {
  /**
   * Whether this ends a transaction that {@linkcode beginWork} has begun: then it has to be that very one, and each event has to be a
   * new one.
   */
  readonly inWork: boolean;
}

/**
 * Writes dedup rows and checkpoint in one statement, which fails, so that the transaction cannot be committed, unless the lease is still
 * this worker's.
 *
 * @throws {LeaseLostError} another worker has taken over, or the checkpoint has been put elsewhere
 * @throws {TransactionEndedError} `inWork`: the handler has ended the transaction of the work; this statement has changed nothing
 * @throws {AlreadyHandledError} `inWork`: some of the events have been handled
 */
export async function saveProgress(
  tx: Sql | TransactionSql,
  lease: Lease,
  { consumer, before, checkpoint, handled, leaseMs }: Progress,
  { inWork }: SaveOptions,
): Promise<void> {
  try {
    await tx`
      SELECT events.save_progress(
        ${lease.stream}, ${lease.role}, ${lease.fencingToken}::bigint, ${before}, ${checkpoint}, ${leaseMs}, ${consumer},
        ${handled.map((entry) => entry.eventId)}::text[]::uuid[],
        ${handled.map((entry) => String(parseEntryId(entry.entryId).position))}::text[]::bigint[], ${inWork})`;
  } catch (error) {
    switch (error instanceof Error && "code" in error && error.code) {
      case ProgressFault.LEASE_LOST:
        throw new LeaseLostError(lease);
      case ProgressFault.TRANSACTION_ENDED:
        throw new TransactionEndedError(consumer);
      case ProgressFault.ALREADY_HANDLED:
        throw new AlreadyHandledError();
    }
    throw error;
  }
}

/** How long the session may do what, and for whom: see {@linkcode beginWork}. */
export interface Work {
  /** The consumer's name. */
  readonly consumer: string;
  /** How long the transaction may be idle, in milliseconds. */
  readonly idleMs: number;
  /** How long a statement of it may take, in milliseconds; `Infinity` for as long as it likes. */
  readonly statementMs: number;
}

/**
 * Marks the transaction as that of the work, and bounds what the server lets the session do while its worker is paused or gone: a
 * successor would wait for its locks. All of it ends with the transaction.
 */
export async function beginWork(tx: TransactionSql, { consumer, idleMs, statementMs }: Work): Promise<void> {
  const limited = statementMs !== Infinity;
  await tx`
    SELECT set_config('events.work', ${consumer}, true),
           set_config('idle_in_transaction_session_timeout', ${String(Math.ceil(idleMs))}, true),
           CASE WHEN ${limited} THEN set_config('statement_timeout', ${
    limited ? String(Math.ceil(statementMs)) : "0"
  }, true) END`;
}

/** Which of these events the consumer has handled. */
export async function readHandled(
  sql: Sql | TransactionSql,
  consumer: string,
  entries: readonly Entry[],
): Promise<ReadonlySet<string>> {
  // One look-up an event: asked for all at once, the planner may read the whole table, if it was small when it made the plan.
  const rows = await sql<{ event_id: string }[]>`
    SELECT e::text AS event_id
    FROM unnest(${entries.map((entry) => entry.eventId)}::text[]::uuid[]) AS e
    CROSS JOIN LATERAL (
      SELECT FROM events.processed_event WHERE consumer_name = ${consumer} AND event_id = e LIMIT 1
    ) AS handled`;
  return new Set(rows.map((row) => row.event_id));
}

/** The entries without those whose event comes earlier among them: somebody may have put an event into the stream again. */
export function firstOfEach(entries: readonly Entry[]): readonly Entry[] {
  const seen = new Set<string>();
  return entries.filter(({ eventId }) => seen.size < seen.add(eventId).size);
}
