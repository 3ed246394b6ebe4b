import type { MigrationSet } from "@events-pipeline/common/migrator";
import { ProgressFault } from "./progress_fault.ts";

/**
 * The migrations of the consumers' tables. They live in the database that the handlers write, beside `leaseMigrations`; it need not
 * be the producers'.
 *
 * @module
 */

/** The migrations of `events.processed_event`, `events.consumer_state` and `events.dead_letter`. */
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
    {
      // A reset removes the rows behind a position; pruning removes the oldest.
      name: "place processed_event in its stream",
      sql: `
        ALTER TABLE events.processed_event ADD COLUMN stream_position bigint;
        CREATE INDEX processed_event_age ON events.processed_event (consumer_name, processed_at);
        COMMENT ON COLUMN events.processed_event.stream_position IS 'Which event of its stream it is, counted from 1';`,
    },
    {
      name: "create consumer_state and dead_letter",
      sql: `
        CREATE TABLE events.consumer_state (
          consumer_name text NOT NULL,
          stream_name text NOT NULL,
          paused_at timestamptz,
          failing_event_id uuid,
          failing_entry_id text,
          attempts integer NOT NULL DEFAULT 0,
          last_error text,
          failing_since timestamptz,
          retry_at timestamptz,
          PRIMARY KEY (consumer_name, stream_name)
        );
        COMMENT ON TABLE events.consumer_state IS 'What people told a consumer, and the event it fails on at the moment';
        CREATE TABLE events.dead_letter (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          consumer_name text NOT NULL,
          stream_name text NOT NULL,
          stream_position bigint NOT NULL,
          entry_id text NOT NULL,
          event_id uuid NOT NULL,
          event_type text NOT NULL,
          sent_at timestamptz NOT NULL,
          metadata json NOT NULL,
          payload json NOT NULL,
          reason text NOT NULL,
          error text NOT NULL,
          attempts integer NOT NULL,
          created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          redrive_requested_at timestamptz,
          UNIQUE (consumer_name, event_id)
        );
        CREATE INDEX dead_letter_redrive ON events.dead_letter (consumer_name, stream_name, stream_position)
          WHERE redrive_requested_at IS NOT NULL;
        COMMENT ON TABLE events.dead_letter IS 'Events that a consumer set aside: written with the checkpoint that passes over them';`,
    },
    {
      // It fails instead of telling, so that a worker can send COMMIT right behind it.
      name: "create save_progress",
      sql: `
        CREATE FUNCTION events.save_progress(
          stream text, worker_role text, token bigint, before_id text, entry_id text, lease_ms float8,
          consumer text, event_ids uuid[], positions bigint[], in_work boolean
        ) RETURNS integer LANGUAGE plpgsql AS $body$
        DECLARE
          recorded integer;
        BEGIN
          IF in_work AND current_setting('events.work', true) IS DISTINCT FROM consumer THEN
            RAISE EXCEPTION USING ERRCODE = '${ProgressFault.TRANSACTION_ENDED}', MESSAGE = 'the transaction was ended';
          END IF;
          UPDATE events.stream_lease
          SET checkpoint = entry_id, updated_at = clock_timestamp(),
              lease_until = clock_timestamp() + lease_ms * interval '1 millisecond'
          WHERE stream_name = stream AND role = worker_role AND fencing_token = token AND checkpoint = before_id;
          IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = '${ProgressFault.LEASE_LOST}', MESSAGE = 'the lease was lost';
          END IF;
          INSERT INTO events.processed_event (consumer_name, event_id, stream_position)
          SELECT consumer, e.event_id, e.position FROM unnest(event_ids, positions) AS e(event_id, position)
          ON CONFLICT DO NOTHING;
          GET DIAGNOSTICS recorded = ROW_COUNT;
          IF in_work AND recorded < cardinality(event_ids) THEN
            RAISE EXCEPTION USING ERRCODE = '${ProgressFault.ALREADY_HANDLED}', MESSAGE = 'some events have been handled';
          END IF;
          RETURN recorded;
        END
        $body$;
        COMMENT ON FUNCTION events.save_progress IS
          'Writes dedup rows and checkpoint of a consumer, unless its lease, or the transaction of its work, is over';`,
    },
    {
      name: "replay through dead_letter",
      sql: `
        ALTER TABLE events.dead_letter ADD COLUMN replayed_at timestamptz;
        COMMENT ON COLUMN events.dead_letter.replayed_at IS
          'When it was read back from the archive to be handled once more; null for what the consumer set aside itself';`,
    },
  ],
};
