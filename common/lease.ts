/**
 * The table `events.stream_lease`: who may work on a stream in a role, and how far that role has come.
 *
 * A lease is time-bounded ownership. Each tenure has a fencing token, one higher than the last, and every write of a checkpoint
 * names it: an owner that was paused past its lease finds its token outdated and changes nothing. All times are the
 * database's clock, so the owners' clocks need not agree. (Source of the idea: M. Kleppmann, "How to do distributed locking".)
 *
 * @module
 */
import type { Sql, TransactionSql } from "postgres";
import { ZERO_ENTRY_ID } from "./entry_id.ts";
import type { MigrationSet } from "./migrator.ts";

/** The migrations of `events.stream_lease`. */
export const leaseMigrations: MigrationSet = {
  owner: "lease",
  migrations: [
    {
      name: "create stream_lease",
      sql: `
        CREATE TABLE events.stream_lease (
          stream_name text NOT NULL,
          role text NOT NULL,
          owner_id text,
          fencing_token bigint NOT NULL DEFAULT 0,
          lease_until timestamptz,
          checkpoint text NOT NULL DEFAULT '0-0',
          pending_segment json,
          updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          PRIMARY KEY (stream_name, role)
        ) WITH (fillfactor = 50);
        COMMENT ON TABLE events.stream_lease IS
          'Who works on a stream in a role (publisher, archiver, consumer:<name>), and how far it has come';
        COMMENT ON COLUMN events.stream_lease.fencing_token IS 'Grows by one with each tenure; outdated owners change nothing';
        COMMENT ON COLUMN events.stream_lease.checkpoint IS 'Stream entry id: everything up to here is done';
        COMMENT ON COLUMN events.stream_lease.pending_segment IS 'Archiver only: the segment it is writing';`,
    },
  ],
};

/** What a lease is about. */
export interface LeaseKey {
  /** The stream. */
  readonly stream: string;
  /** `publisher`, `archiver` or `consumer:<name>`, which hold back trimming; or one that does not, such as `compactor`. */
  readonly role: string;
}

/** One tenure. */
export interface Lease extends LeaseKey {
  /** Which tenure of this lease it is. */
  readonly fencingToken: string;
  /** How far the role had come when the tenure began: an entry id. */
  readonly checkpoint: string;
}

/** The lease was lost to another owner: what is in hand must be given up. */
export class LeaseLostError extends Error {
  /** The error's name, `LeaseLostError`. */
  override readonly name = "LeaseLostError";

  /** Made by what writes the checkpoint or renews the lease. */
  constructor(key: LeaseKey) {
    super(`Cannot go on as ${key.role} of ${key.stream}: another owner has taken the lease`);
  }
}

/** How a tenure begins. */
export interface AcquireOptions {
  /** Names this process, for people who read the table. */
  readonly ownerId: string;
  /** How long the lease lasts without renewal, in milliseconds. */
  readonly leaseMs: number;
  /** The checkpoint of a role that has none yet. @default "0-0" */
  readonly startFrom?: string;
}

/**
 * Takes a lease that is free or has run out, or that this very owner could not release: a new tenure begins.
 *
 * @returns the new tenure, or `undefined` when another owner holds the lease
 */
export async function acquireLease(sql: Sql, key: LeaseKey, options: AcquireOptions): Promise<Lease | undefined> {
  const [row] = await sql<{ fencing_token: string; checkpoint: string }[]>`
    INSERT INTO events.stream_lease AS l (stream_name, role, owner_id, fencing_token, lease_until, checkpoint)
    VALUES (${key.stream}, ${key.role}, ${options.ownerId}, 1,
            clock_timestamp() + ${options.leaseMs} * interval '1 millisecond', ${options.startFrom ?? ZERO_ENTRY_ID})
    ON CONFLICT (stream_name, role) DO UPDATE
      SET owner_id = excluded.owner_id, fencing_token = l.fencing_token + 1,
          lease_until = excluded.lease_until, updated_at = clock_timestamp()
      WHERE l.lease_until IS NULL OR l.lease_until < clock_timestamp() OR l.owner_id = excluded.owner_id
    RETURNING fencing_token::text, checkpoint`;
  if (row === undefined) return undefined;
  return { stream: key.stream, role: key.role, fencingToken: row.fencing_token, checkpoint: row.checkpoint };
}

/**
 * Makes a tenure last `leaseMs` from now.
 *
 * @returns the checkpoint, as the table has it
 * @throws {LeaseLostError} another owner has taken over
 */
export async function renewLease(sql: Sql, lease: Lease, leaseMs: number): Promise<string> {
  const [row] = await sql<{ checkpoint: string }[]>`
    UPDATE events.stream_lease
    SET lease_until = clock_timestamp() + ${leaseMs} * interval '1 millisecond', updated_at = clock_timestamp()
    WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}
    RETURNING checkpoint`;
  if (row === undefined) throw new LeaseLostError(lease);
  return row.checkpoint;
}

/** Ends a tenure, so that another owner can begin at once. Nothing happens when the lease was lost already. */
export async function releaseLease(sql: Sql, lease: Lease): Promise<void> {
  await sql`
    UPDATE events.stream_lease SET owner_id = NULL, lease_until = NULL, updated_at = clock_timestamp()
    WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}`;
}

/** A role's place in a stream, as anybody can read it. */
export interface LeaseState extends LeaseKey {
  /** An entry id: everything up to here is done. */
  readonly checkpoint: string;
  /** The segment that an archiver has announced and not finished. */
  readonly pendingSegment: unknown;
}

/** Reads one role's place. `undefined` when it has never begun. */
export async function readLease(sql: Sql | TransactionSql, key: LeaseKey): Promise<LeaseState | undefined> {
  const [row] = await sql<{ checkpoint: string; pending_segment: unknown }[]>`
    SELECT checkpoint, pending_segment FROM events.stream_lease
    WHERE stream_name = ${key.stream} AND role = ${key.role}`;
  if (row === undefined) return undefined;
  return { ...key, checkpoint: row.checkpoint, pendingSegment: row.pending_segment };
}

/** Every stream that has the role, with its checkpoint, ordered by name. */
export async function readCheckpoints(sql: Sql, role: string): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ stream_name: string; checkpoint: string }[]>`
    SELECT stream_name, checkpoint FROM events.stream_lease WHERE role = ${role} ORDER BY stream_name`;
  return new Map(rows.map((row) => [row.stream_name, row.checkpoint]));
}

/**
 * Moves a role's checkpoint, as a rule in the transaction of what it has done.
 *
 * @throws {LeaseLostError} another owner has taken over: the transaction is to be rolled back
 */
export async function saveCheckpoint(sql: Sql | TransactionSql, lease: Lease, checkpoint: string): Promise<void> {
  const { count } = await sql`
    UPDATE events.stream_lease SET checkpoint = ${checkpoint}, updated_at = clock_timestamp()
    WHERE stream_name = ${lease.stream} AND role = ${lease.role} AND fencing_token = ${lease.fencingToken}`;
  if (count === 0) throw new LeaseLostError(lease);
}
