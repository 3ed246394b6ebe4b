import type { Sql } from "postgres";

/** What came of verifying a stream's archive. */
export interface Verification {
  /** The stream. */
  readonly stream: string;
  /** The last position that was looked at. */
  readonly upTo: number;
  /** How many faults were found; 0 when the archive is whole. */
  readonly faults: number;
}

/** A verification that was recorded. */
export interface RecordedVerification extends Verification {
  /** When, in Unix milliseconds, by the database's clock. */
  readonly at: number;
}

/**
 * Records that a stream's archive was verified now, in the producers' database: archivers tell it in their metrics, and their health
 * turns red when it found faults.
 *
 * @example
 * ```ts
 * import { readVerifications, recordVerification } from "@events-pipeline/archiver";
 * import { testPipeline } from "@events-pipeline/local/test_pipeline";
 * import { assertEquals } from "@std/assert";
 *
 * await using pipeline = await testPipeline();
 * await recordVerification(pipeline.sql, { stream: pipeline.stream, upTo: 100, faults: 0 });
 * assertEquals((await readVerifications(pipeline.sql)).map(({ upTo }) => upTo), [100]);
 * ```
 */
export async function recordVerification(sql: Sql, { stream, upTo, faults }: Verification): Promise<void> {
  await sql`
    INSERT INTO events.archive_verification (stream_name, verified_to, faults) VALUES (${stream}, ${upTo}, ${faults})
    ON CONFLICT (stream_name) DO UPDATE
      SET verified_at = clock_timestamp(), verified_to = excluded.verified_to, faults = excluded.faults`;
}

/** Reads the last verification of each stream, ordered by name. */
export async function readVerifications(sql: Sql): Promise<readonly RecordedVerification[]> {
  return await sql<RecordedVerification[]>`
    SELECT stream_name AS stream, verified_to::float8 AS "upTo", faults::float8 AS faults,
           extract(epoch FROM verified_at)::float8 * 1000 AS at
    FROM events.archive_verification ORDER BY stream_name`;
}
