import type { Sql } from "postgres";

/** Creates the app's own tables, if they are not there. */
export async function createWidgetTables(sql: Sql): Promise<void> {
  await sql`CREATE SCHEMA IF NOT EXISTS widgets`;
  await sql`
    CREATE TABLE IF NOT EXISTS widgets.widget (
      widget_id text PRIMARY KEY,
      owner_id text NOT NULL
    )`;
  await sql`
    CREATE TABLE IF NOT EXISTS widgets.notification (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      event_id uuid NOT NULL,
      entry_id text NOT NULL,
      owner_id text NOT NULL,
      message text NOT NULL,
      handled_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`;
}
