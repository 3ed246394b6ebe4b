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
    {
      // For programs in other languages. It cannot know which streams and events are defined, only what their names look like.
      name: "create send_event",
      sql: `
        CREATE FUNCTION events.uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $body$
          SELECT encode(
            set_bit(set_bit(
              overlay(
                uuid_send(gen_random_uuid())
                PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
                FROM 1 FOR 6),
              52, 1), 53, 1),
            'hex')::uuid
        $body$;
        COMMENT ON FUNCTION events.uuid_v7 IS 'A UUID version 7 (RFC 9562): milliseconds since 1970, then random bits';

        CREATE FUNCTION events.send_event(stream text, event_type text, payload json, metadata json DEFAULT '{}')
        RETURNS uuid LANGUAGE plpgsql AS $body$
        DECLARE
          new_id uuid := events.uuid_v7();
          fault text;
        BEGIN
          IF (stream ~ '^stream:[a-z0-9]+([-_:][a-z0-9]+)*:events$' AND length(stream) <= 200) IS NOT TRUE THEN
            fault := format('the stream %L must have the form stream:<domain>:events', left(stream, 200));
          ELSIF (event_type ~ '^[A-Z][A-Za-z0-9]{0,99}$') IS NOT TRUE THEN
            fault := format('the event type %L must be letters and digits, a capital first', left(event_type, 200));
          ELSIF (json_typeof(payload) = 'object') IS NOT TRUE THEN
            fault := format('the payload is %s and must be an object', coalesce(json_typeof(payload), 'NULL'));
          ELSIF octet_length(payload::text) > 1048576 THEN
            fault := format('its payload has %s bytes and may have 1048576', octet_length(payload::text));
          ELSIF (json_typeof(metadata) = 'object') IS NOT TRUE THEN
            fault := format('the metadata is %s and must be an object', coalesce(json_typeof(metadata), 'NULL'));
          ELSIF octet_length(metadata::text) > 16384 THEN
            fault := format('its metadata has %s bytes and may have 16384', octet_length(metadata::text));
          ELSE
            SELECT format('metadata %L is %s and must be text', label.key, json_typeof(label.value)) INTO fault
            FROM json_each(metadata) AS label WHERE json_typeof(label.value) <> 'string' LIMIT 1;
          END IF;
          IF fault IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
              MESSAGE = format('Cannot send %L: %s', left(event_type, 100), fault);
          END IF;
          INSERT INTO events.outbox_event (event_id, stream_name, event_type, payload, metadata)
          VALUES (new_id, stream, event_type, payload, metadata);
          RETURN new_id;
        END
        $body$;
        COMMENT ON FUNCTION events.send_event IS
          'Sends an event in the caller''s transaction, and returns its id: for programs in other languages';`,
    },
  ],
};
