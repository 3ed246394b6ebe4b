import type { ObjectStore } from "@events-pipeline/archiver";
import type { RedisConnection } from "@events-pipeline/common/redis";
import type { Sql } from "postgres";
import type { StageFindings } from "./stage_report.ts";

/** A table that names the events that a consumer has handled. */
export interface HandledTable {
  /** The table, with its schema: `widgets.notification`. */
  readonly table: string;
  /** The column with the event's id. @default "event_id" */
  readonly eventIdColumn?: string;
  /** The column that gives the order of handling. @default "id" */
  readonly orderColumn?: string;
  /** The consumer's name, whose checkpoint says how far it is. @default the only consumer of the streams that are checked */
  readonly consumer?: string;
  /** The events that the consumer wants. @default all */
  readonly eventTypes?: readonly string[];
}

/** A version that must rise along a stream, for each row by itself. */
export interface VersionRule {
  /** The event's type. */
  readonly eventType: string;
  /** The field of its payload with the version, a number. */
  readonly field: string;
  /** The field of its payload that says which row it is. */
  readonly keyField: string;
}

/** How far a check has come. */
export interface CheckProgress {
  /** The stream. */
  readonly stream: string;
  /** The stage. */
  readonly stage: string;
  /** Events that are read. */
  readonly done: number;
  /** The last position that is judged. */
  readonly upTo: number;
}

/** What {@linkcode checkPipeline} works with. */
export interface CheckOptions {
  /** A pool on the producers' database, of two connections or more. */
  readonly sql: Sql;
  /** A pool on the database that the handlers write. @default `sql` */
  readonly consumerSql?: Sql;
  /** The Redis that holds the streams. */
  readonly redis: RedisConnection;
  /** The archive. @default it is not checked */
  readonly archive?: ObjectStore | undefined;
  /** The streams. @default every stream that the outbox has had */
  readonly streams?: readonly string[];
  /** What a consumer has handled. @default it is not checked */
  readonly handled?: HandledTable | undefined;
  /** Versions that must rise. @default none */
  readonly versions?: readonly VersionRule[];
  /**
   * Whether nothing may be on its way: then every stage is judged up to the publisher's checkpoint, and a backlog is wrong.
   *
   * @default false: a stage is judged up to its own checkpoint
   */
  readonly complete?: boolean;
  /** What was sent to each stream, for who knows it: then not the outbox is the truth, but this. @default the outbox */
  readonly sent?: ReadonlyMap<string, readonly string[]>;
  /** Whether the streams must have the order of `sent`. @default true */
  readonly sentInOrder?: boolean;
  /** How many faults of each kind and stage are told one by one. @default 10 */
  readonly examples?: number;
  /** Told how far it is, after each page. */
  readonly onProgress?: (progress: CheckProgress) => void;
}

/** What the check of one stage of one stream works with. */
export interface StageCheck extends CheckOptions {
  /** The stream. */
  readonly stream: string;
  /** Where faults are counted. */
  readonly findings: StageFindings;
  /** To be called after each page. */
  readonly advance: (upTo: number) => void;
}
