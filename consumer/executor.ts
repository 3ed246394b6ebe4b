import { type Entry, type Event, parseEntryId } from "@events-pipeline/common";
import { type Lease, LeaseLostError } from "@events-pipeline/common/lease";
import type { Logger } from "@events-pipeline/common/logger";
import { transaction } from "@events-pipeline/common/transaction";
import type { Sql, TransactionSql } from "postgres";
import type { Consumer, ConsumerContext } from "./define_consumer.ts";

/** A handler failed on one event: it, or the reading of its payload, threw. */
export class HandlerError extends Error {
  override readonly name = "HandlerError";
  /** The event it failed on. */
  readonly entry: Entry;

  constructor(consumer: Consumer, entry: Entry, cause: unknown) {
    super(`Cannot handle ${entry.eventType} ${entry.eventId} (entry ${entry.entryId}) with '${consumer.name}'`, {
      cause,
    });
    this.entry = entry;
  }
}

/** A handler ended the transaction, which belongs to the worker. */
export class TransactionEndedError extends Error {
  override readonly name = "TransactionEndedError";

  constructor(consumer: Consumer) {
    super(
      `Cannot finish the transaction of '${consumer.name}': the handler committed it or rolled it back. ` +
        `The transaction belongs to the worker: throw to roll back`,
    );
  }
}

/**
 * Events of a batch have been handled before, so the checkpoint had been put back. Nothing was changed; the batch is to be executed
 * again, with {@linkcode Batch.lookUp}.
 */
export class AlreadyHandledError extends Error {
  override readonly name = "AlreadyHandledError";
}

/** What the executor works with. */
export interface ExecutorContext {
  /** The pool on the consumers' database. */
  readonly sql: Sql;
  /** The consumer. */
  readonly consumer: Consumer;
  /** Handed to the handler. */
  readonly logger: Logger;
  /** How long the lease lasts, in milliseconds: each checkpoint renews it. */
  readonly leaseMs: number;
  /** Fires when the work in hand is to be given up. */
  readonly signal: AbortSignal;
}

/** What is handled in one transaction. */
export interface Batch {
  /** Consecutive entries of the stream; those of other event types are passed over. */
  readonly entries: readonly Entry[];
  /** Which attempt at the first of them this is. */
  readonly attempt: number;
  /** Whether to ask first which of them have been handled. They have not, unless somebody has put the checkpoint back. */
  readonly lookUp: boolean;
}

/**
 * Handles entries in one transaction, EXACTLY_ONCE: the handler for each event, then dedup rows and checkpoint in one statement that
 * changes nothing unless the lease and the transaction are still this worker's.
 *
 * @throws {HandlerError} a handler threw; nothing was changed
 * @throws {AlreadyHandledError} some of the events have been handled; nothing was changed
 * @throws {LeaseLostError} another worker has taken over; nothing was changed
 */
export async function executeBatch(
  context: ExecutorContext,
  lease: Lease,
  { entries, attempt, lookUp }: Batch,
): Promise<void> {
  const { sql, consumer, leaseMs } = context;
  const wanted = entries.filter((entry) => consumer.events.has(entry.eventType));
  const checkpoint = entries.at(-1)!.entryId;
  await transaction(sql, {}, async (tx) => {
    const xactId = await beginWork(tx, leaseMs);
    const handled = lookUp ? await readHandled(tx, consumer.name, wanted) : new Set();
    const todo = wanted.filter((entry) => !handled.has(entry.eventId));
    for (const entry of todo) await handleEntry(context, tx, entry, attempt);
    const end = await endWork(tx, {
      lease,
      consumer: consumer.name,
      xactId,
      checkpoint,
      leaseMs,
      eventIds: todo.map((entry) => entry.eventId),
    });
    if (end.advanced && end.recorded === todo.length) return;
    if (end.xactId !== xactId) throw new HandlerError(consumer, entries[0]!, new TransactionEndedError(consumer));
    throw end.advanced ? new AlreadyHandledError() : new LeaseLostError(lease);
  });
}

/** @returns the transaction's id: a handler that ends it begins another one */
async function beginWork(tx: TransactionSql, leaseMs: number): Promise<string> {
  const [row] = await tx<{ xact_id: string }[]>`
    SELECT pg_current_xact_id()::text AS xact_id,
           set_config('idle_in_transaction_session_timeout', ${String(leaseMs)}, true)`;
  return row!.xact_id;
}

async function readHandled(
  tx: TransactionSql,
  consumer: string,
  entries: readonly Entry[],
): Promise<ReadonlySet<string>> {
  // One look-up an event: asked for all at once, the planner may read the whole table, if it was small when it made the plan.
  const rows = await tx<{ event_id: string }[]>`
    SELECT e::text AS event_id
    FROM unnest(${entries.map((entry) => entry.eventId)}::text[]::uuid[]) AS e
    CROSS JOIN LATERAL (
      SELECT FROM events.processed_event WHERE consumer_name = ${consumer} AND event_id = e LIMIT 1
    ) AS handled`;
  return new Set(rows.map((row) => row.event_id));
}

async function handleEntry(
  { consumer, logger, signal }: ExecutorContext,
  tx: TransactionSql,
  entry: Entry,
  attempt: number,
): Promise<void> {
  try {
    const event: Event = consumer.events.get(entry.eventType)!.decode(JSON.parse(entry.payload));
    const context: ConsumerContext = {
      eventId: entry.eventId,
      entryId: entry.entryId,
      stream: entry.stream,
      time: new Date(entry.time),
      attempt,
      metadata: JSON.parse(entry.metadata),
      signal,
      logger,
    };
    await consumer.handle(event, context, tx);
  } catch (cause) {
    throw new HandlerError(consumer, entry, cause);
  }
}

interface Work {
  readonly lease: Lease;
  readonly consumer: string;
  readonly xactId: string;
  readonly checkpoint: string;
  readonly leaseMs: number;
  readonly eventIds: readonly string[];
}

interface WorkEnd {
  readonly advanced: boolean;
  /** How many dedup rows were new. */
  readonly recorded: number;
  readonly xactId: string;
}

async function endWork(tx: TransactionSql, work: Work): Promise<WorkEnd> {
  const [row] = await tx<{ advanced: boolean; recorded: number; xact_id: string }[]>`
    WITH advanced AS (
      UPDATE events.stream_lease
      SET checkpoint = ${work.checkpoint}, updated_at = clock_timestamp(),
          lease_until = clock_timestamp() + ${work.leaseMs} * interval '1 millisecond'
      WHERE stream_name = ${work.lease.stream} AND role = ${work.lease.role}
        AND fencing_token = ${work.lease.fencingToken} AND pg_current_xact_id()::text = ${work.xactId}
      RETURNING 1
    ), recorded AS (
      INSERT INTO events.processed_event (consumer_name, event_id)
      SELECT ${work.consumer}, e FROM unnest(${work.eventIds}::text[]::uuid[]) AS e WHERE EXISTS (SELECT FROM advanced)
      ON CONFLICT DO NOTHING
      RETURNING 1
    )
    SELECT EXISTS (SELECT FROM advanced) AS advanced, (SELECT count(*)::int FROM recorded) AS recorded,
           pg_current_xact_id()::text AS xact_id`;
  return { advanced: row!.advanced, recorded: row!.recorded, xactId: row!.xact_id };
}

/** A position is missing in front of an entry: entries were trimmed, deleted, or lost. */
export class GapError extends Error {
  override readonly name = "GapError";
}

/** Makes sure that entries follow a checkpoint without a hole. @throws {GapError} there is one */
export function assertNoGap(stream: string, checkpoint: string, entries: readonly Entry[]): void {
  let position = parseEntryId(checkpoint).position;
  for (const entry of entries) {
    const actual = parseEntryId(entry.entryId).position;
    if (actual !== ++position) {
      throw new GapError(
        `Cannot read ${stream} on from ${checkpoint}: position ${position} is missing before entry ${entry.entryId}. ` +
          `Entries were trimmed, deleted or lost, or something else wrote to the stream; nothing is skipped`,
      );
    }
  }
}
