/** Whom a change breaks. */
export type Broken =
  /** New code that reads old events: from the outbox, the streams, the archive. */
  | "backward"
  /** Consumers that still run the old schema and meet new events. */
  | "forward"
  /** The habit that keeps both safe: events and fields are only added, as `notSet`, and types only widened. */
  | "additive";

/** One way in which a change can break something. */
export interface Rule {
  /** Its stable name, for reports and waivers. */
  readonly id: string;
  /** The change, in a few words. */
  readonly what: string;
  /** Why it breaks, for each that it breaks. */
  readonly why: { readonly [broken in Broken]?: string };
  /** What to do instead. */
  readonly fix: string;
}

/**
 * A reason for which a reader refuses what a writer sends. Who is the new one of the two decides which change it was: what a new
 * reader refuses was narrowed, what an old reader refuses was widened.
 */
export interface Obstacle {
  /** The change when the reader is the new schema. */
  readonly backward: Rule;
  /** The change when the reader is the old schema. */
  readonly forward: Rule;
}
