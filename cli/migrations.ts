import { leaseMigrations } from "@events-pipeline/common/lease";
import type { MigrationSet } from "@events-pipeline/common/migrator";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { outboxMigrations } from "@events-pipeline/producer/outbox";

/** What the producers' database has. */
export const producerMigrations: readonly MigrationSet[] = [leaseMigrations, outboxMigrations];

/** What the database has that the handlers write. It may be the producers' too. */
export const consumerDatabaseMigrations: readonly MigrationSet[] = [leaseMigrations, consumerMigrations];
