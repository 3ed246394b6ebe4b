import type { MigrationSet } from "@events-pipeline/common/migrator";

/** The migrations of the publisher's own tables, in the producers' database. They come after the outbox's. */
export const publisherMigrations: MigrationSet = {
  owner: "publisher",
  migrations: [
    {
      name: "create stream_retention and stream_loss",
      sql: `
        CREATE TABLE events.stream_retention (
          stream_name text PRIMARY KEY,
          trimmed_to bigint NOT NULL DEFAULT 0,
          cleaned_to bigint NOT NULL DEFAULT 0,
          updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
        ) WITH (fillfactor = 50);
        COMMENT ON TABLE events.stream_retention IS 'Up to which position Redis and the outbox have been cleared on purpose';
        COMMENT ON COLUMN events.stream_retention.trimmed_to IS 'Redis need not hold positions up to this one';
        COMMENT ON COLUMN events.stream_retention.cleaned_to IS 'Published rows up to this position are deleted';

        CREATE TABLE events.stream_loss (
          stream_name text NOT NULL,
          first_position bigint NOT NULL,
          last_position bigint NOT NULL,
          found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          PRIMARY KEY (stream_name, first_position, last_position)
        );
        COMMENT ON TABLE events.stream_loss IS
          'Positions that Redis lost and that the outbox no longer held: they may still be in the archive';`,
    },
  ],
};
