/**
 * What is wrong with an archive, by its name:
 *
 * - `missing`: entries are in no object.
 * - `overlap`: two objects hold the same positions, and neither holds all of the other.
 * - `duplicate`: an object lies within a longer one, and does not hold the same lines.
 * - `damaged`: an object cannot be read, or is not what its key or its metadata say.
 * - `foreign`: an object that no archiver wrote.
 * - `misplaced`: a segment that is not under its own key.
 * - `differs from the outbox`: the outbox has another number of events of that day.
 */
export type ArchiveFaultKind =
  | "missing"
  | "overlap"
  | "duplicate"
  | "damaged"
  | "foreign"
  | "misplaced"
  | "differs from the outbox";

/** One fault of an archive, with the exact range. */
export interface ArchiveFault {
  /** What is wrong. */
  readonly kind: ArchiveFaultKind;
  /** The first position that it is about. @default none */
  readonly first?: number | undefined;
  /** The last one. @default none */
  readonly last?: number | undefined;
  /** The object. @default none */
  readonly key?: string | undefined;
  /** In words. */
  readonly detail: string;
}

/** So many faults are told of one by one; more are counted. */
const TOLD = 1_000;

/** The faults of a stream: counted, the first thousand told. */
export class ArchiveFaults {
  /** The first ones. */
  readonly told: ArchiveFault[] = [];
  /** How many there are. */
  count = 0;

  /** Adds one. */
  add(fault: ArchiveFault): void {
    this.count++;
    if (this.told.length < TOLD) this.told.push(fault);
  }
}
