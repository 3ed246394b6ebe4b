import type { Fragment, Sql, TransactionSql } from "postgres";

/**
 * SQL for what tells one run of the server, one life of the outbox, and a replica from what it is promoted to: text that differs where
 * ids of the outbox may be given out again, or rows appear below those that were seen.
 */
export function outboxIncarnation(sql: Sql | TransactionSql): Fragment {
  return sql`concat(pg_postmaster_start_time(), ' ', pg_relation_filenode('events.outbox_event'), ' ', pg_is_in_recovery())`;
}
