import type { Sql } from "postgres";

/** What each role may do with each table of the schema `events`. A table that a database does not have is passed over. */
const GRANTS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  // An app that sends events: it cannot even read them, nor mark them as published.
  events_producer: {
    outbox_event: ["INSERT (event_id, stream_name, event_type, payload, metadata)"],
  },
  events_publisher: {
    migration: ["SELECT"],
    outbox_event: ["SELECT", "UPDATE (published_at, stream_entry_id)", "DELETE"],
    outbox_event_id_seq: ["SELECT"],
    stream_lease: ["SELECT", "INSERT", "UPDATE"],
    stream_loss: ["SELECT", "INSERT", "UPDATE", "DELETE"],
    stream_retention: ["SELECT", "INSERT", "UPDATE"],
  },
  // The outbox, where entries are missing in Redis. What the handlers write is the app's own, and granted by its owner.
  events_consumer: {
    consumer_state: ["SELECT", "INSERT", "UPDATE", "DELETE"],
    dead_letter: ["SELECT", "INSERT", "UPDATE", "DELETE"],
    migration: ["SELECT"],
    outbox_event: ["SELECT"],
    processed_event: ["SELECT", "INSERT", "DELETE"],
    stream_lease: ["SELECT", "INSERT", "UPDATE"],
  },
  events_archiver: {
    archive_verification: ["SELECT", "INSERT", "UPDATE"],
    migration: ["SELECT"],
    outbox_event: ["SELECT"],
    stream_lease: ["SELECT", "INSERT", "UPDATE"],
    stream_loss: ["SELECT"],
    stream_retention: ["SELECT"],
  },
  // The web console with --allow-actions: reads all, does what people may do about consumers, and tells who did it.
  events_console: {
    archive_verification: ["SELECT"],
    console_action: ["SELECT", "INSERT (actor, action, target)", "UPDATE (outcome, detail, ended_at)"],
    consumer_state: ["SELECT", "INSERT", "UPDATE"],
    dead_letter: ["SELECT", "UPDATE (redrive_requested_at)", "DELETE"],
    migration: ["SELECT"],
    outbox_event: ["SELECT"],
    outbox_event_id_seq: ["SELECT"],
    processed_event: ["SELECT", "DELETE"],
    stream_lease: ["SELECT", "UPDATE"],
    stream_loss: ["SELECT"],
    stream_retention: ["SELECT"],
  },
  // Dashboards: all that is going on, but neither payloads nor labels.
  events_observer: {
    archive_verification: ["SELECT"],
    console_action: ["SELECT (id, started_at, actor, action, outcome, ended_at)"],
    consumer_state: ["SELECT"],
    dead_letter: [
      "SELECT (id, consumer_name, stream_name, stream_position, entry_id, event_id, event_type, sent_at, reason, attempts, " +
      "created_at, redrive_requested_at, replayed_at)",
    ],
    migration: ["SELECT"],
    outbox_event: [
      "SELECT (id, event_id, stream_name, event_type, payload_bytes, created_at, published_at, stream_entry_id, stream_position)",
    ],
    outbox_event_id_seq: ["SELECT"],
    processed_event: ["SELECT"],
    stream_lease: ["SELECT"],
    stream_loss: ["SELECT"],
    stream_retention: ["SELECT"],
  },
};

/** The roles that {@linkcode createRoles} makes. They cannot log in: a login role is made a member of one. */
export const roleNames: readonly string[] = Object.keys(GRANTS);

/** The advisory lock under which grants are changed: two that do it at once would fail. "eproles" in ASCII. */
const ROLES_LOCK = "28556933977597299";

/**
 * Makes the roles of the pipeline, and gives each exactly what it needs in this database. May be run at any time, and again after each
 * migration; what was granted by hand on tables of the schema `events` to these roles is taken back.
 *
 * @param sql a pool as a role that owns the tables, and may create roles unless they are there
 */
export async function createRoles(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(${ROLES_LOCK})`;
    const relations = await tx<{ name: string; kind: string }[]>`
      SELECT relname AS name, relkind AS kind FROM pg_class
      WHERE relnamespace = 'events'::regnamespace AND relkind IN ('r', 'p', 'S')`;
    const kinds = new Map(relations.map(({ name, kind }) => [name, kind]));
    for (const [role, grants] of Object.entries(GRANTS)) {
      // Roles belong to the whole server: somebody may make them at this moment, from another database.
      await tx.unsafe(`
        DO $do$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role} NOLOGIN; END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $do$;
        REVOKE ALL ON ALL TABLES IN SCHEMA events FROM ${role};
        REVOKE ALL ON ALL SEQUENCES IN SCHEMA events FROM ${role};
        GRANT USAGE ON SCHEMA events TO ${role};`);
      for (const [name, privileges] of Object.entries(grants)) {
        const kind = kinds.get(name);
        if (kind === undefined) continue;
        const object = `${kind === "S" ? "SEQUENCE" : "TABLE"} events.${name}`;
        await tx.unsafe(`GRANT ${privileges.join(", ")} ON ${object} TO ${role}`);
      }
    }
  });
}
