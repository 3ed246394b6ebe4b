import type { Sql, TransactionSql } from "postgres";
import type { HandledTable } from "./check_options.ts";

/** A consumer, and how far it is. */
export interface ConsumerState {
  /** Its name. */
  readonly name: string;
  /** Its stream. */
  readonly stream: string;
  /** Its checkpoint. */
  readonly checkpoint: string;
}

/** The consumers of these streams, with their checkpoints. */
export async function readConsumers(
  sql: Sql | TransactionSql,
  streams: readonly string[],
): Promise<readonly ConsumerState[]> {
  return await sql<ConsumerState[]>`
    SELECT substr(role, 10) AS name, stream_name AS stream, checkpoint FROM events.stream_lease
    WHERE role LIKE 'consumer:%' AND stream_name = ANY(${[...streams]}::text[]) ORDER BY role, stream_name`;
}

/**
 * Finds the consumer that a table of handled events belongs to.
 *
 * @throws {Error} it is not there, or several might be meant
 */
export async function findConsumer(
  sql: Sql,
  { consumer, table }: HandledTable,
  streams: readonly string[],
): Promise<readonly ConsumerState[]> {
  const all = await readConsumers(sql, streams);
  const names = [...new Set(all.map(({ name }) => name))];
  const chosen = consumer ?? names[0];
  if (consumer === undefined && names.length > 1) {
    throw new Error(`Cannot check ${table}: it must be said which consumer fills it: ${names.join(", ")}`);
  }
  const states = all.filter(({ name }) => name === chosen);
  if (states.length === 0) {
    const known = names.length === 0 ? "no consumer has begun" : `there are only ${names.join(", ")}`;
    throw new Error(
      `Cannot check ${table}: ${consumer === undefined ? "" : `the consumer ${consumer} has not begun, `}${known}`,
    );
  }
  return states;
}

/** Rows a page. */
const PAGE_ROWS = 5_000;

/** The ids of handled events in the order of handling, as the transaction sees them. PostgreSQL sorts them once. */
export async function* handledPages(
  tx: TransactionSql,
  { table, eventIdColumn = "event_id", orderColumn = "id" }: HandledTable,
): AsyncGenerator<readonly string[]> {
  const pages = tx<{ event_id: string }[]>`
    SELECT ${tx(eventIdColumn)}::text AS event_id FROM ${tx(table)} ORDER BY ${tx(orderColumn)}`.cursor(PAGE_ROWS);
  for await (const rows of pages) yield rows.map((row) => row.event_id);
}
