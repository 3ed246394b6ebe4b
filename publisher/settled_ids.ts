import type { Sql } from "postgres";
import { outboxIncarnation } from "./outbox_incarnation.ts";
import type { StreamFloor } from "./outbox_rows.ts";

/** A look at the writers: every id up to `lastId` belonged to one of them, or was settled already. */
interface Look {
  /** The highest id that had been given out; a bigint as text. */
  readonly lastId: bigint;
  /** The transactions that had the outbox locked for writing. */
  readonly writers: ReadonlySet<string>;
}

/** What is known to be settled, and in which life of the outbox. */
export interface Settled {
  /** The highest id; a bigint as text. */
  readonly id: bigint;
  /** Grows whenever everything is forgotten. */
  readonly life: number;
}

/**
 * Knows up to which id every outbox row is settled, that is committed, or rolled back and never to be seen, and from that where each
 * stream's unpublished rows can begin. Looking for them from there on passes over the dead index entries of published rows,
 * of which there are many when vacuum is behind or a long transaction keeps it from working.
 *
 * An id is given out under a lock on the table that its transaction holds until its end. So when every transaction that held that
 * lock after an id was given out has ended, the id is settled. This looks at the outbox's writers only: a long transaction that
 * does not write the outbox holds nothing up. Floors only save work: without them everything is still right.
 */
export class SettledIds {
  readonly #floors = new Map<string, bigint>();
  #settled = 0n;
  #life = 0;
  #known = false;
  #incarnation: string | undefined;
  #look: Look | undefined;

  /** The known streams, each with its floor. */
  get floors(): readonly StreamFloor[] {
    return [...this.#floors].map(([stream, floor]) => ({ stream, floor: String(floor) }));
  }

  /** Where a stream's unpublished rows can begin: they have greater ids. A bigint as text. */
  floorOf(stream: string): string {
    return String(this.#floors.get(stream) ?? 0n);
  }

  /** Takes up a stream. */
  add(stream: string): void {
    if (!this.#floors.has(stream)) this.#floors.set(stream, 0n);
  }

  /** The highest id known to be settled. A round reads it before its snapshot, and hands it to {@linkcode SettledIds.raise}. */
  get settled(): Settled {
    return { id: this.#settled, life: this.#life };
  }

  /** Whether it is known what is settled, if only that nothing was sent yet. */
  get known(): boolean {
    return this.#known;
  }

  /**
   * Raises a stream's floor after a round has committed.
   *
   * @param settled what was settled before the round's snapshot was taken
   * @param upTo the snapshot's unpublished rows are published up to this id; `undefined` when all are
   */
  raise(stream: string, { id: settled, life }: Settled, upTo: string | undefined): void {
    if (life !== this.#life) return; // It was settled on a server that is another one than the round's.
    const floor = upTo === undefined || BigInt(upTo) > settled ? settled : BigInt(upTo);
    if (floor > (this.#floors.get(stream) ?? 0n)) this.#floors.set(stream, floor);
  }

  /**
   * Lowers every floor to the ground, so that the next look passes over everything: rows may have been copied in with lower ids, by
   * logical replication, say. To be done rarely.
   */
  lower(): void {
    for (const stream of this.#floors.keys()) this.#floors.set(stream, 0n);
  }

  /**
   * Forgets everything when the outbox is another one than before: the server may be a replica that lacks the last commits, or was one
   * when it was looked at last, whose sequence was ahead of its rows; or a backup was restored, into another server or into this one.
   * Then rows below a floor are unpublished again, and ids are given out again.
   *
   * @param incarnation what tells one run of the server, and one life of the table, from another
   * @param lastId the highest id that was given out, if it was looked at; a bigint as text
   * @returns whether it was the same outbox as before
   */
  sameServer(incarnation: string, lastId?: string): boolean {
    const same = this.#incarnation === incarnation && (lastId === undefined || BigInt(lastId) >= this.#settled);
    if (same) return true;
    const first = this.#incarnation === undefined;
    this.#incarnation = incarnation;
    if (first) return true;
    this.lower();
    this.#life++;
    this.#settled = 0n;
    this.#known = false;
    this.#look = undefined;
    return false;
  }

  /** Looks whether the writers of the last look have ended. Two light statements, to be made about once a second. */
  async refresh(sql: Sql): Promise<void> {
    const life = this.#life;
    // The order matters: a writer that took an id at or below the first answer shows in the second, unless it has ended.
    const [sequence] = await sql<{ last_id: string; incarnation: string }[]>`
      SELECT CASE WHEN is_called THEN last_value ELSE 0 END::text AS last_id,
             ${outboxIncarnation(sql)} AS incarnation
      FROM events.outbox_event_id_seq`;
    this.sameServer(sequence!.incarnation, sequence!.last_id);
    const rows = await sql<{ writer: string }[]>`
      SELECT DISTINCT virtualtransaction AS writer FROM pg_locks
      WHERE locktype = 'relation' AND relation = 'events.outbox_event'::regclass AND mode = 'RowExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
    const writers = new Set(rows.map((row) => row.writer));
    if (life !== this.#life) return; // The two answers may be of two servers.
    const look = this.#look;
    if (look === undefined || ![...look.writers].some((writer) => writers.has(writer))) {
      if (look !== undefined && look.lastId > this.#settled) this.#settled = look.lastId;
      this.#known ||= look !== undefined;
      this.#look = { lastId: BigInt(sequence!.last_id), writers };
    }
  }
}
