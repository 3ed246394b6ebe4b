/**
 * The migrations of the pipeline's databases, as `deno task migrate` applies them.
 *
 * @module
 */
export { consumerDatabaseMigrations, pipelineMigrations, producerMigrations } from "./migrations.ts";
