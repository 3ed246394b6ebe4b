import { type Entry, entryMs, formatEntryId, parseEntryId } from "@events-pipeline/common";
import type { RedisConnection } from "@events-pipeline/common/redis";
import { transaction } from "@events-pipeline/common/transaction";
import type { Sql, TransactionSql } from "postgres";
import { appendEntries, type ReplicaWait } from "./append_script.ts";
import { type BatchLimits, markPublished, type OutboxBatch, type OutboxRow, readUnpublished } from "./outbox_rows.ts";
import {
  createCheckpoint,
  type LockedStream,
  lockStream,
  saveCheckpoint,
  type SessionLimits,
} from "./publisher_checkpoint.ts";
import { repairStream } from "./repair.ts";
import type { Repair } from "./repair_report.ts";
import { RoundSpan } from "./round_span.ts";
import type { SettledIds } from "./settled_ids.ts";

/** The steps of a round at which a fault is of interest. */
export type RoundStep = "before append" | "after append" | "before commit" | "after commit";

/** What a round works with. */
export interface RoundContext {
  /** The pool on the producers' database. */
  readonly sql: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
  /** How much a batch may take. */
  readonly limits: BatchLimits;
  /** The longest payload that Redis is asked to take, in bytes. */
  readonly maxEventBytes: number;
  /** What the server allows the transaction that holds a stream. */
  readonly sessionLimits: SessionLimits;
  /** Whether an append must reach replicas to count. */
  readonly replicaWait?: ReplicaWait | undefined;
  /** Where unpublished rows begin. */
  readonly settledIds: SettledIds;
  /** Whether entries in a stream that the outbox does not know are taken as they are. @default false */
  readonly acceptForeign?: boolean | undefined;
  /** Told of each repair. */
  readonly onRepair: (repair: Repair) => void;
  /** Called at each step; a test makes it die there. */
  readonly atStep?: ((step: RoundStep) => void | Promise<void>) | undefined;
}

/** What a round did. */
export type RoundOutcome =
  /** Another publisher has the stream. */
  | { readonly kind: "busy" }
  /** The stream and the checkpoint differed, and are closer now: call again. */
  | { readonly kind: "repaired" }
  /** So many events are in the stream now; `drained` when none of the snapshot is left. */
  | { readonly kind: "published"; readonly events: number; readonly drained: boolean };

/** Batches a round, at most: it bounds how much one commit covers, and how old its snapshot gets. */
const MAX_BATCHES = 32;

/** A row that can't be published: it holds back its stream until somebody deals with it, for nothing is skipped. */
export class UnpublishableRowError extends Error {
  override readonly name = "UnpublishableRowError";
}

/** What a transaction has done when it commits. */
type Committing =
  | { readonly kind: "busy" | "repaired" }
  | {
    readonly kind: "published";
    readonly events: number;
    /** The id of the last row that is published; `undefined` when all of the snapshot is. */
    readonly upTo: string | undefined;
    /** What ended the round early. */
    readonly failure?: { readonly error: unknown };
  };

/**
 * Publishes what one snapshot shows of a stream, in one transaction: lock the checkpoint; then, batch after batch, append the rows if
 * the stream ends where it should, and mark them; move the checkpoint; commit. While Redis appends one batch, PostgreSQL reads
 * the next. Whatever step a crash comes at, the next round sees by the stream's last id what happened, and either finds the
 * rows unpublished or repairs.
 *
 * All batches are read under one snapshot, so if A committed before B was inserted, A comes first: either the snapshot shows both,
 * and A has the smaller id, or it does not show B.
 *
 * @throws {Error} PostgreSQL or Redis failed; what Redis had acknowledged is committed, as long as PostgreSQL allows it
 */
export async function publishRound(context: RoundContext, stream: string): Promise<RoundOutcome> {
  const { sql, settledIds, atStep } = context;
  const settled = settledIds.settled;
  const span = RoundSpan.begin(stream);
  let outcome: Committing;
  try {
    outcome = await transaction(sql, { isolation: "REPEATABLE READ" }, (tx) => publishIn(tx, context, stream, span));
  } catch (error) {
    // Another publisher committed between this snapshot and the lock.
    if (error instanceof Error && "code" in error && error.code === SERIALIZATION_FAILURE) return { kind: "busy" };
    span?.end(0, { error });
    throw error;
  }
  await atStep?.("after commit");
  if (outcome.kind !== "published") return { kind: outcome.kind };
  span?.end(outcome.events, outcome.failure);
  settledIds.raise(stream, settled, outcome.upTo);
  if (outcome.failure !== undefined) throw outcome.failure.error;
  return { kind: "published", events: outcome.events, drained: outcome.upTo === undefined };
}

const SERIALIZATION_FAILURE = "40001";

async function publishIn(
  tx: TransactionSql,
  context: RoundContext,
  stream: string,
  span: RoundSpan | undefined,
): Promise<Committing> {
  const { limits, settledIds, sessionLimits } = context;
  // In one go. If the lock is had, nobody has changed the checkpoint since the snapshot, so the rows fit it.
  const [locked, first] = await Promise.all([
    lockStream(tx, stream, sessionLimits),
    readUnpublished(tx, stream, settledIds.floorOf(stream), limits),
  ]);
  if (locked === undefined) return { kind: await createCheckpoint(tx, stream, sessionLimits) ? "repaired" : "busy" };
  const fits = settledIds.sameServer(locked.incarnation);
  return await publishBatches(tx, context, stream, {
    locked,
    span,
    first: fits ? first : await readUnpublished(tx, stream, "0", limits),
  });
}

interface Begun {
  readonly locked: LockedStream;
  readonly first: OutboxBatch;
  readonly span: RoundSpan | undefined;
}

async function publishBatches(
  tx: TransactionSql,
  context: RoundContext,
  stream: string,
  { locked, first, span }: Begun,
): Promise<Committing> {
  const { redis, replicaWait, limits, atStep } = context;
  const clock = (since: number): number => locked.nowMs + Math.floor(performance.now() - since);
  const begunAt = performance.now();
  const marking: Promise<void>[] = [];
  let checkpoint = locked.checkpoint;
  let events = 0;
  let upTo: string | undefined;
  let failure: { readonly error: unknown } | undefined;
  let batch: OutboxBatch | undefined = first;
  for (let count = 1; batch !== undefined; count++) {
    const { rows, full }: OutboxBatch = untilUnpublishable(batch, context.maxEventBytes);
    const last = rows.at(-1);
    const next: Promise<OutboxBatch> | undefined = full && last !== undefined && count < MAX_BATCHES
      ? readUnpublished(tx, stream, last.id, limits)
      : undefined;
    next?.catch(() => {}); // It is awaited below, unless the append fails first.
    const entries = numberEntries(rows, checkpoint, clock(begunAt));
    try {
      if (last === undefined && full) throw unpublishable(stream, batch.rows[0]!, context.maxEventBytes);
      await atStep?.("before append");
      const outcome = await appendEntries(redis, stream, checkpoint, entries, replicaWait);
      await atStep?.("after append");
      if (outcome.kind === "mismatch") {
        if (events > 0) break; // Redis lost data amid the round: the next one repairs.
        return { kind: await repairStream(context, tx, { stream, checkpoint, actual: outcome.actual }) };
      }
    } catch (error) {
      if (events === 0) throw error;
      failure = { error };
      break;
    }
    if (last !== undefined) {
      const marked = markPublished(tx, rows, entries.map((entry) => entry.entryId));
      marked.catch(() => {}); // It is awaited with the others.
      marking.push(marked);
      span?.add(rows);
      checkpoint = entries.at(-1)!.entryId;
      events += entries.length;
      upTo = last.id;
    }
    batch = await next;
    if (!full) upTo = undefined;
  }
  if (events > 0) await Promise.all([...marking, saveCheckpoint(tx, stream, checkpoint)]);
  await atStep?.("before commit");
  return { kind: "published", events, upTo, ...(failure === undefined ? {} : { failure }) };
}

/** The rows of a batch in front of the first that Redis is not to be asked to take. */
function untilUnpublishable(batch: OutboxBatch, maxBytes: number): OutboxBatch {
  const index = batch.rows.findIndex((row) => row.payloadBytes > maxBytes);
  return index === -1 ? batch : { rows: batch.rows.slice(0, index), full: true };
}

function unpublishable(stream: string, row: OutboxRow, maxBytes: number): UnpublishableRowError {
  return new UnpublishableRowError(
    `Cannot publish to ${stream}: the payload of outbox row ${row.id} (${row.envelope.eventType}, event ` +
      `${row.envelope.eventId}) has ${row.payloadBytes} bytes and may have ${maxBytes}`,
  );
}

/** Gives rows the ids that follow the checkpoint: positions without a hole, times that never fall. */
function numberEntries(rows: readonly OutboxRow[], checkpoint: string, now: number): Entry[] {
  const last = parseEntryId(checkpoint);
  const ms = entryMs(last, now);
  return rows.map((row, i) => ({
    ...row.envelope,
    entryId: formatEntryId({ ms, position: last.position + 1 + i }),
  }));
}
