/**
 * The program of `deno task migrate`.
 *
 * @module
 */
import { readCommand } from "@events-pipeline/common/command";
import { describeError } from "@events-pipeline/common/logger";
import { migrate, type MigrationSet, NewerSchemaError } from "@events-pipeline/common/migrator";
import { closePostgres, connectPostgres } from "@events-pipeline/common/postgres";
import { consumerDatabaseUrlSetting, databaseUrlSetting } from "@events-pipeline/common/settings";
import { consumerDatabaseMigrations, producerMigrations } from "./migrations.ts";
import { createRoles, roleNames } from "./roles.ts";

const command = readCommand(
  {
    call: "deno task migrate",
    summary: "Creates or updates the pipeline's tables. Any number may run at once.",
    flags: {
      roles: {
        kind: "boolean",
        help: `also create the roles ${roleNames.join(", ")}, and grant what they need`,
      },
    },
    settings: { DATABASE_URL: databaseUrlSetting, CONSUMER_DATABASE_URL: consumerDatabaseUrlSetting },
  },
  Deno.args,
  (name) => Deno.env.get(name),
);
if (command.kind === "print") {
  (command.exitCode === 0 ? console.log : console.error)(command.text);
  Deno.exit(command.exitCode);
}
const { DATABASE_URL, CONSUMER_DATABASE_URL } = command.settings;
const { roles } = command.flags;

/** Prints what was applied to one database. */
async function migrateDatabase(title: string, url: string, sets: readonly MigrationSet[]): Promise<void> {
  const sql = connectPostgres(url, { applicationName: "events-migrate", connections: 1 });
  try {
    const applied = await migrate(sql, sets);
    for (const { owner, number, name } of applied) console.log(`${title}: applied ${owner} ${number}, ${name}`);
    if (applied.length === 0) console.log(`${title}: up to date`);
    if (roles) {
      await createRoles(sql);
      console.log(`${title}: roles ${roleNames.join(", ")}`);
    }
  } finally {
    await closePostgres(sql);
  }
}

async function main(): Promise<number> {
  try {
    await migrateDatabase("producers' database", DATABASE_URL, producerMigrations);
    await migrateDatabase("consumers' database", CONSUMER_DATABASE_URL ?? DATABASE_URL, consumerDatabaseMigrations);
    return 0;
  } catch (error) {
    console.error(`deno task migrate: ${describeError(error)}`);
    return error instanceof NewerSchemaError ? 3 : 1;
  }
}

Deno.exit(await main());
