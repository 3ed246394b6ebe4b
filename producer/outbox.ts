/**
 * The table `events.outbox_event`: what producers write and the publisher reads, and the wake-up between them.
 *
 * @module
 */
import type { MigrationSet } from "@events-pipeline/common/migrator";

/** The channel on which a sleeping publisher is woken. */
export const WAKE_UP_CHANNEL = "events_outbox";

/**
 * The advisory lock of the gated wake-up. A publisher about to sleep takes it exclusively; an inserting transaction takes it
 * shared, and notifies only when that fails. NOTIFY takes a lock of the whole cluster over the flush at commit, so
 * notifying always would end group commit for the writers. "epwakeup" in ASCII.
 */
export const WAKE_UP_LOCK = "7309473083125724528";

/**
 * The migrations of the outbox.
 *
 * `id` has no index of its own: the planner would walk it to find unpublished rows, which is quadratic in the backlog. The
 * partial index gives that order. Payload and metadata are `json`, not `jsonb`: what was sent is stored byte for byte.
 */
export const outboxMigrations: MigrationSet = {
  owner: "producer",
  migrations: [
    {
      name: "create outbox_event",
      sql: `
        CREATE TABLE events.outbox_event (
          id bigint GENERATED ALWAYS AS IDENTITY,
          event_id uuid NOT NULL,
          stream_name text NOT NULL,
          event_type text NOT NULL,
          payload json NOT NULL,
          payload_bytes integer NOT NULL GENERATED ALWAYS AS (octet_length(payload::text)) STORED,
          metadata json NOT NULL DEFAULT '{}',
          created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
          published_at timestamptz,
          stream_entry_id text,
          stream_position bigint GENERATED ALWAYS AS (split_part(stream_entry_id, '-', 2)::bigint) STORED
        );
        CREATE INDEX outbox_event_unpublished ON events.outbox_event (stream_name, id) WHERE published_at IS NULL;
        CREATE UNIQUE INDEX outbox_event_published ON events.outbox_event (stream_name, stream_position)
          WHERE published_at IS NOT NULL;
        COMMENT ON TABLE events.outbox_event IS 'Events sent by committed transactions, published to Redis Streams';
        COMMENT ON COLUMN events.outbox_event.id IS 'Insert order';
        COMMENT ON COLUMN events.outbox_event.payload_bytes IS 'So that a batch can be bounded without reading payloads';
        COMMENT ON COLUMN events.outbox_event.stream_position IS 'Which event of its stream it is, counted from 1';

        CREATE FUNCTION events.wake_publisher() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
          IF NOT pg_try_advisory_xact_lock_shared(${WAKE_UP_LOCK}) THEN
            PERFORM pg_notify('${WAKE_UP_CHANNEL}', '');
          END IF;
          RETURN NULL;
        END
        $body$;
        CREATE TRIGGER wake_publisher AFTER INSERT ON events.outbox_event
          FOR EACH STATEMENT EXECUTE FUNCTION events.wake_publisher();`,
    },
    {
      // Each event leaves one dead row when it is published, and one when it is cleaned up. The default waits for a fifth of the table.
      name: "vacuum outbox_event early",
      sql: `
        ALTER TABLE events.outbox_event
          SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);`,
    },
  ],
};
