/**
 * The table `events.archive_verification`: when each stream's archive was last proved whole.
 *
 * @module
 */
import type { MigrationSet } from "@events-pipeline/common/migrator";

/** The migrations of the archiver's own table, in the producers' database. */
export const archiverMigrations: MigrationSet = {
  owner: "archiver",
  migrations: [
    {
      name: "create archive_verification",
      sql: `
        CREATE TABLE events.archive_verification (
          stream_name text PRIMARY KEY,
          verified_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          verified_to bigint NOT NULL,
          faults bigint NOT NULL DEFAULT 0
        );
        COMMENT ON TABLE events.archive_verification IS 'The last time that a stream''s archive was verified, and what came of it';
        COMMENT ON COLUMN events.archive_verification.verified_to IS 'The last position that was looked at';
        COMMENT ON COLUMN events.archive_verification.faults IS 'How many faults were found; 0 when the archive is whole';`,
    },
  ],
};
