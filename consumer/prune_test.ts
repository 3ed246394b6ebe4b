import { leaseMigrations } from "@events-pipeline/common/lease";
import { migrate } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { createDatabase } from "@events-pipeline/local/database";
import { assertEquals } from "@std/assert";
import type { Sql } from "postgres";
import { consumerMigrations } from "./migrations.ts";
import { pruneProcessed } from "./prune.ts";

const DAY = 24 * 3_600_000;

async function withTables(test: (sql: Sql) => Promise<void>): Promise<void> {
  const database = await createDatabase(Deno.env.get("DATABASE_URL")!);
  const sql = connectPostgres(database.url, { applicationName: "test", connections: 1 });
  try {
    await migrate(sql, [leaseMigrations, consumerMigrations]);
    await test(sql);
  } finally {
    await closePostgres(sql);
    await database.drop();
  }
}

/** Notes events of positions as handled, so many days ago. */
async function handled(sql: Sql, consumer: string, days: number, from: number, to: number): Promise<void> {
  await sql`
    INSERT INTO events.processed_event (consumer_name, event_id, processed_at, stream_position)
    SELECT ${consumer}, gen_random_uuid(), clock_timestamp() - ${days} * interval '1 day', n
    FROM generate_series(${from}::bigint, ${to}::bigint) AS n`;
}

async function checkpoint(sql: Sql, consumer: string, stream: string, position: number): Promise<void> {
  await sql`
    INSERT INTO events.stream_lease (stream_name, role, checkpoint)
    VALUES (${stream}, ${`consumer:${consumer}`}, ${`5-${position}`})`;
}

async function left(sql: Sql, consumer: string): Promise<number[]> {
  const rows = await sql<{ n: number }[]>`
    SELECT stream_position::int AS n FROM events.processed_event WHERE consumer_name = ${consumer} ORDER BY 1`;
  return rows.map((row) => row.n);
}

Deno.test("pruneProcessed() deletes a consumer's own rows that are old and behind its checkpoint, batch by batch", () =>
  withTables(async (sql) => {
    await checkpoint(sql, "a", "s1", 1_495);
    await handled(sql, "a", 8, 1, 1_500);
    await handled(sql, "a", 6, 1_501, 1_502);
    await handled(sql, "b", 8, 1, 3);
    assertEquals(await pruneProcessed(sql, "a", 7 * DAY), { rows: 1_000, more: true });
    assertEquals(await pruneProcessed(sql, "a", 7 * DAY), { rows: 495, more: false });
    assertEquals(await left(sql, "a"), [1_496, 1_497, 1_498, 1_499, 1_500, 1_501, 1_502]);
    assertEquals(await left(sql, "b"), [1, 2, 3]);
  }));

Deno.test("pruneProcessed() keeps what a checkpoint of the consumer in another stream may need", () =>
  withTables(async (sql) => {
    await checkpoint(sql, "a", "s1", 100);
    await checkpoint(sql, "a", "s2", 4);
    await handled(sql, "a", 8, 1, 10);
    await pruneProcessed(sql, "a", 7 * DAY);
    assertEquals(await left(sql, "a"), [5, 6, 7, 8, 9, 10]);
    await pruneProcessed(sql, "unknown", 7 * DAY);
  }));
