import type { Sql, TransactionSql } from "postgres";
import { sqlstateOf } from "./sqlstate.ts";

const INSUFFICIENT_PRIVILEGE = "42501";

/** One step of a schema's history. Never changed once released: a later step mends an earlier one. */
export interface Migration {
  /** What it does, in a few words. */
  readonly name: string;
  /** The statements. */
  readonly sql: string;
  /**
   * Whether programs of the version before cannot work with the schema after it. They refuse to start then.
   *
   * @default false
   */
  readonly breaking?: boolean;
}

/** The migrations of one package, in order; a migration's number is its place, from 1. */
export interface MigrationSet {
  /** The package that owns the tables. */
  readonly owner: string;
  /** Its migrations, oldest first. Only ever appended to. */
  readonly migrations: readonly Migration[];
}

/** One migration that {@linkcode migrate} has applied. */
export interface AppliedMigration {
  /** The package that owns it. */
  readonly owner: string;
  /** Its number among the package's migrations. */
  readonly number: number;
  /** Its name. */
  readonly name: string;
}

/** The database's schema is newer than the program. Deploy a newer program. */
export class NewerSchemaError extends Error {
  /** The error's name, `NewerSchemaError`. */
  override readonly name = "NewerSchemaError";
}

/** The database's schema is older than the program needs, or not there at all. Run the migrations. */
export class OlderSchemaError extends Error {
  /** The error's name, `OlderSchemaError`. */
  override readonly name = "OlderSchemaError";
}

/** The advisory lock under which one migrator works at a time: "epmigrat" in ASCII. */
const MIGRATION_LOCK = "7309467233190175092";

/**
 * Applies the migrations that a database lacks, in one transaction. Any number of migrators may run at once: they take turns,
 * and the later ones find nothing to do.
 *
 * @param sql a pool on the database, as a role that may create schemas and tables
 * @param sets what the database shall have, in this order
 * @returns what was applied; empty when the database was up to date
 * @throws {NewerSchemaError} the database has a migration that this program does not know; nothing was changed
 *
 * @example
 * ```ts
 * import { leaseMigrations } from "@events-pipeline/common/lease";
 * import { migrate } from "@events-pipeline/common/migrator";
 * import postgres from "postgres";
 *
 * const sql = postgres(Deno.env.get("DATABASE_URL")!, { onnotice() {} });
 * await migrate(sql, [leaseMigrations]);
 * await sql.end({ timeout: 5 });
 * ```
 */
export async function migrate(sql: Sql, sets: readonly MigrationSet[]): Promise<readonly AppliedMigration[]> {
  return await sql.begin(async (tx) => {
    await tx`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`;
    await tx`CREATE SCHEMA IF NOT EXISTS events`;
    await tx`
      CREATE TABLE IF NOT EXISTS events.migration (
        owner text NOT NULL,
        number integer NOT NULL,
        name text NOT NULL,
        breaking boolean NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        PRIMARY KEY (owner, number)
      )`;
    const applied: AppliedMigration[] = [];
    for (const set of sets) {
      const latest = await latestApplied(tx, set);
      refuseNewer(set, latest);
      for (const [index, migration] of set.migrations.entries()) {
        const number = index + 1;
        if (number <= latest.number) continue;
        await tx.unsafe(migration.sql);
        await tx`
          INSERT INTO events.migration (owner, number, name, breaking)
          VALUES (${set.owner}, ${number}, ${migration.name}, ${migration.breaking ?? false})`;
        applied.push({ owner: set.owner, number, name: migration.name });
      }
    }
    return applied;
  });
}

/**
 * Checks, without changing anything, that a program can work with a database. A newer schema is fine as long as none of its
 * newer migrations is breaking, so daemons keep running while a new version is rolled out.
 *
 * @throws {OlderSchemaError} migrations are missing
 * @throws {NewerSchemaError} the schema has a breaking migration that this program does not know
 */
export async function checkSchema(sql: Sql, sets: readonly MigrationSet[]): Promise<void> {
  for (const set of sets) {
    const latest = await latestReadable(sql, set);
    if (latest.number < set.migrations.length) {
      throw new OlderSchemaError(
        `Cannot use the database: the schema of '${set.owner}' is at migration ${latest.number} and must be at ` +
          `${set.migrations.length}. Run 'deno task migrate'`,
      );
    }
    if (latest.breaking > set.migrations.length) refuseNewer(set, latest);
  }
}

/** @throws {Error} the login may not look */
async function latestReadable(sql: Sql, set: MigrationSet): Promise<Latest> {
  try {
    const [row] = await sql<{ present: boolean }[]>`SELECT to_regclass('events.migration') IS NOT NULL AS present`;
    return row?.present ? await latestApplied(sql, set) : { number: 0, breaking: 0 };
  } catch (error) {
    if (sqlstateOf(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new Error(
      "Cannot use the database: this login may not read the pipeline's tables, and must be a member of its program's " +
        "role, which 'deno task migrate --roles' makes",
      { cause: error },
    );
  }
}

interface Latest {
  readonly number: number;
  readonly breaking: number;
}

async function latestApplied(sql: Sql | TransactionSql, set: MigrationSet): Promise<Latest> {
  const [row] = await sql<Latest[]>`
    SELECT coalesce(max(number), 0) AS number, coalesce(max(number) FILTER (WHERE breaking), 0) AS breaking
    FROM events.migration WHERE owner = ${set.owner}`;
  return row!;
}

function refuseNewer(set: MigrationSet, latest: Latest): void {
  if (latest.number <= set.migrations.length) return;
  throw new NewerSchemaError(
    `Cannot use the database: the schema of '${set.owner}' is at migration ${latest.number} and this program knows ` +
      `${set.migrations.length}. Deploy a newer version of the program`,
  );
}
