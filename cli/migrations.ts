import { archiverMigrations } from "@events-pipeline/archiver/migrations";
import { leaseMigrations } from "@events-pipeline/common/lease";
import type { MigrationSet } from "@events-pipeline/common/migrator";
import { consumerMigrations } from "@events-pipeline/consumer/migrations";
import { consoleMigrations } from "@events-pipeline/console/migrations";
import { outboxMigrations } from "@events-pipeline/producer/outbox";
import { publisherMigrations } from "@events-pipeline/publisher/migrations";

/** What the producers' database has. */
export const producerMigrations: readonly MigrationSet[] = [
  leaseMigrations,
  outboxMigrations,
  publisherMigrations,
  archiverMigrations,
];

/** What the database has that the handlers write. It may be the producers' too. */
export const consumerDatabaseMigrations: readonly MigrationSet[] = [
  leaseMigrations,
  consumerMigrations,
  consoleMigrations,
];

/** What one database has that serves for both. */
export const pipelineMigrations: readonly MigrationSet[] = [
  ...producerMigrations,
  consumerMigrations,
  consoleMigrations,
];
