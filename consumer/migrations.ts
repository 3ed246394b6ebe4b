import type { MigrationSet } from "@events-pipeline/common/migrator";

/**
 * The migrations of the consumers' tables. They live in the database that the handlers write, beside `leaseMigrations`; it need not
 * be the producers'.
 *
 * @module
 */

/** The migrations of `events.processed_event`. */
export const consumerMigrations: MigrationSet = {
  owner: "consumer",
  migrations: [
    {
      name: "create processed_event",
      sql: `
        CREATE TABLE events.processed_event (
          consumer_name text NOT NULL,
          event_id uuid NOT NULL,
          processed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          PRIMARY KEY (consumer_name, event_id)
        );
        COMMENT ON TABLE events.processed_event IS 'Which events a consumer has handled: written with the handler''s effects';`,
    },
  ],
};
