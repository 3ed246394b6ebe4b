import type { ObjectStore } from "@events-pipeline/archiver";
import { archivePages } from "@events-pipeline/archiver/tools";
import { type Entry, parseEntryId, ZERO_ENTRY_ID } from "@events-pipeline/common";
import { type Lease, LeaseLostError, renewLease, saveCheckpoint } from "@events-pipeline/common/lease";
import { backoffMs, isTransient, sleep } from "@events-pipeline/common/retry";
import { transaction } from "@events-pipeline/common/transaction";
import type { Sql, TransactionSql } from "postgres";

/** Where replayed events go. */
export interface ReplayTarget {
  /** Takes events, in the transaction that notes how far the replay has come. */
  take(tx: TransactionSql, entries: readonly Entry[]): Promise<void>;
  /** Waits until it can take more. @returns how many at once */
  ready(signal: AbortSignal): Promise<number>;
}

/** What {@linkcode runReplay} works with. */
export interface ReplayOptions {
  /** A pool on the database of the target, which has the lease. */
  readonly sql: Sql;
  /** The archive. */
  readonly store: ObjectStore;
  /** The replay's own lease; its checkpoint says how far it has come. */
  readonly lease: Lease;
  /** How long the lease lasts without renewal, in milliseconds. */
  readonly leaseMs: number;
  /** Where it begins, if it has not come anywhere yet. */
  readonly after: string | Date;
  /** Where it ends. */
  readonly until: string | Date;
  /** The types that are wanted; empty for all. */
  readonly eventTypes: ReadonlySet<string>;
  /** How many a second, at most. */
  readonly ratePerSecond: number;
  /** Where they go. */
  readonly target: ReplayTarget;
  /** Takes no more; what is in hand is finished. */
  readonly signal: AbortSignal;
  /** Told how many events have gone, and up to which entry. */
  readonly onProgress: (events: number, entryId: string) => void;
}

/** So many failures in a row that may pass by themselves end the replay. */
const FAILURES = 8;

/**
 * Replays a range: page by page out of the archive, batch by batch into the target, each in one transaction with the checkpoint. Whoever
 * goes on after a crash begins behind the last batch that was committed, so nothing goes twice.
 *
 * @returns how many events have gone
 * @throws {LeaseLostError} another process does the same replay
 */
export async function runReplay(options: ReplayOptions): Promise<number> {
  const { store, lease, until, eventTypes, ratePerSecond, target, onProgress } = options;
  const after = lease.checkpoint === ZERO_ENTRY_ID ? options.after : lease.checkpoint;
  await using keeper = keepLease(options);
  const stop = AbortSignal.any([options.signal, keeper.lost]);
  let events = 0;
  let dueMs = Date.now();
  for await (const page of archivePages(store, lease.stream, { after, until })) {
    for (let rest = page; rest.length > 0;) {
      const ready = await target.ready(stop);
      await sleep(dueMs - Date.now(), stop);
      keeper.lost.throwIfAborted();
      if (stop.aborted) return events;
      const batch = firstWanted(rest, eventTypes, Math.max(1, Math.min(ready, Math.ceil(ratePerSecond))));
      const wanted = batch.filter(({ eventType }) => isWanted(eventTypes, eventType));
      const last = batch.at(-1)!.entryId;
      await commit(options, wanted, last);
      rest = rest.slice(batch.length);
      events += wanted.length;
      dueMs = Math.max(dueMs, Date.now() - 1_000) + wanted.length / ratePerSecond * 1_000;
      onProgress(events, last);
    }
  }
  await target.ready(stop);
  keeper.lost.throwIfAborted();
  return events;
}

/** Renews the lease until it is disposed of. */
function keepLease({ sql, lease, leaseMs }: ReplayOptions): AsyncDisposable & { readonly lost: AbortSignal } {
  const lost = new AbortController();
  const done = new AbortController();
  const keeping = (async () => {
    while (!done.signal.aborted) {
      await sleep(leaseMs / 3, done.signal);
      if (done.signal.aborted) return;
      await renewLease(sql, lease, leaseMs).catch((error) => {
        // Other failures may pass; if not, another process may take over, and each commit asks whether one has.
        if (error instanceof LeaseLostError) lost.abort(error);
      });
    }
  })();
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      done.abort();
      await keeping;
    },
  };
}

function isWanted(eventTypes: ReadonlySet<string>, eventType: string): boolean {
  return eventTypes.size === 0 || eventTypes.has(eventType);
}

/** What a batch may have of payloads and metadata, in characters; a single event may have more. */
const BATCH_CHARACTERS = 4 * 1024 * 1024;

/** As many entries as hold so many of the wanted types, and the others around them. */
function firstWanted(entries: readonly Entry[], eventTypes: ReadonlySet<string>, limit: number): readonly Entry[] {
  let wanted = 0;
  let characters = 0;
  const end = entries.findIndex(({ eventType, payload, metadata }) => {
    if (!isWanted(eventTypes, eventType)) return false;
    characters += payload.length + metadata.length;
    return ++wanted > limit || (wanted > 1 && characters > BATCH_CHARACTERS);
  });
  return end === -1 ? entries : entries.slice(0, end);
}

async function commit(
  { sql, lease, target, signal }: ReplayOptions,
  entries: readonly Entry[],
  checkpoint: string,
): Promise<void> {
  for (let failures = 1;; failures++) {
    try {
      return await transaction(sql, {}, async (tx) => {
        // First: two of the same replay wait for each other here, and the one whose lease is lost does nothing.
        await saveCheckpoint(tx, lease, checkpoint);
        if (entries.length > 0) await target.take(tx, entries);
      });
    } catch (error) {
      // A commit whose answer was lost may be done: then the checkpoint says so, and another try would double it.
      if (!isTransient(error) || failures >= FAILURES) throw error;
      await sleep(backoffMs(failures, { baseMs: 250, maxMs: 5_000 }), signal);
      if (await isDone(sql, lease, checkpoint)) return;
    }
  }
}

async function isDone(sql: Sql, lease: Lease, checkpoint: string): Promise<boolean> {
  const [row] = await sql<{ checkpoint: string; token: string }[]>`
    SELECT checkpoint, fencing_token::text AS token FROM events.stream_lease
    WHERE stream_name = ${lease.stream} AND role = ${lease.role}`;
  if (row?.token !== lease.fencingToken) throw new LeaseLostError(lease);
  return parseEntryId(row.checkpoint).position >= parseEntryId(checkpoint).position;
}
