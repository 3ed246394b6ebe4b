/**
 * The migrations of the pipeline's databases, as `deno task migrate` applies them.
 *
 * @module
 */
export { consumerDatabaseMigrations, producerMigrations } from "./migrations.ts";
