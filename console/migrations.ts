/**
 * The table `events.console_action`: who changed what with the console. It lives in the consumers' database, where the actions have
 * their effect.
 *
 * @module
 */
import type { MigrationSet } from "@events-pipeline/common/migrator";

/** The migrations of the console's own table. */
export const consoleMigrations: MigrationSet = {
  owner: "console",
  migrations: [
    {
      name: "create console_action",
      sql: `
        CREATE TABLE events.console_action (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          actor text NOT NULL,
          action text NOT NULL,
          target json NOT NULL,
          outcome text NOT NULL DEFAULT 'started' CHECK (outcome IN ('started', 'done', 'failed')),
          detail text,
          ended_at timestamptz
        );
        COMMENT ON TABLE events.console_action IS 'What people did with the console, and what came of it';
        COMMENT ON COLUMN events.console_action.outcome IS
          'started: under way, or the console died before it could tell';`,
    },
  ],
};
